#!/bin/sh
# usage: cargo-test.sh FILE ARGUMENT...
#
# Runs "cargo test ARGUMENT...". Most tests run real servers, which other work on the machine can stop for seconds. Therefore,
# up to three tests that failed are run again, each alone, and must pass then. Their names are appended to FILE.
set -eu
cd "$(dirname "$0")/.."

main() {
	file=$1
	shift
	log=.run/test.log
	mkdir -p .run
	if run cargo test --no-fail-fast "$@"; then
		return
	fi
	failed=$(failed_tests)
	# shellcheck disable=SC2016 # the message has backquotes
	targets=$(sed -n 's/^error: .*to rerun pass `\(.*\)`$/\1/p' "$log")
	# A program that crashed has no result, and a documentation test is not in the list.
	results=$(grep -c '^test result: FAILED' "$log" || true)
	count=$(sed -n 's/^test result: FAILED.* \([0-9]*\) failed;.*/\1/p' "$log" | awk '{ sum += $1 } END { print sum + 0 }')
	if [ "$count" -lt 1 ] || [ "$count" -gt 3 ] || [ "$(lines "$failed")" -ne "$count" ] ||
		[ "$(lines "$targets")" -ne "$results" ]; then
		return 1
	fi
	echo "== failed, run again alone:"
	echo "$failed"
	echo "$targets" | while read -r target; do
		# shellcheck disable=SC2086 # lists of words
		RUST_TEST_THREADS=1 cargo test --all-features $target -- --exact $failed </dev/null || exit 1
	done
	echo "$failed" >>"$file"
}

# The names of a test program's failed tests are the last list before its result. A documentation test has no such name.
failed_tests() {
	awk '/^failures:$/ { names = "" }
		/^    [^ ]+$/ { names = names $1 "\n" }
		/^test result: FAILED/ { printf "%s", names; names = "" }' "$log"
}

lines() {
	printf '%s' "$1" | grep -c ''
}

run() {
	{ "$@" 2>&1 && echo 0 >"$log.status" || echo 1 >"$log.status"; } | tee "$log"
	[ "$(cat "$log.status")" -eq 0 ]
}

main "$@"
