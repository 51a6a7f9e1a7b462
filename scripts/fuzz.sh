#!/bin/sh
# usage: fuzz.sh [TARGET...]
#
# Builds the fuzz targets, and runs the named targets or all of them in parallel for FUZZ_SECONDS. Failing inputs are written
# to fuzz/artifacts/TARGET, and the exit code is 1. Move such an input to fuzz/regressions/TARGET under a descriptive name:
# the tests replay the files there. Needs the stable toolchain, and a C++ compiler for libFuzzer.
set -eu
cd "$(dirname "$0")/../fuzz"

seconds=${FUZZ_SECONDS:-60}
host=$(rustc -vV | sed -n 's/^host: //p')
release=${CARGO_TARGET_DIR:-target}/$host/release

main() {
	if ! command -v c++ >/dev/null; then
		echo "fuzz: libFuzzer needs a C++ compiler (c++): install g++" >&2
		exit 2
	fi
	[ $# -gt 0 ] || set -- decode session scrape page http web_config fairness jsonrpc
	build
	(cd .. && cargo run --quiet --package fuzz-targets --bin seeds -- fuzz/corpus)
	running=
	for target in "$@"; do
		mkdir -p "corpus/$target" "artifacts/$target" "regressions/$target"
		run "$target" >"artifacts/$target.log" 2>&1 &
		running="$running $target:$!"
	done
	failed=
	for pair in $running; do
		target=${pair%%:*}
		wait "${pair#*:}" || failed="$failed $target"
		summary "$target"
	done
	if [ -n "$failed" ]; then
		for target in $failed; do
			grep -m 1 -A 2 'panicked at\|ERROR: libFuzzer' "artifacts/$target.log" >&2 || tail -n 5 "artifacts/$target.log" >&2
			# A short input is in the log, too: the files of a CI run are gone.
			grep '^Base64: ' "artifacts/$target.log" >&2 || true
		done
		echo "fuzz: FAILED:$failed; inputs are in fuzz/artifacts, logs in fuzz/artifacts/TARGET.log" >&2
		exit 1
	fi
}

# Adds the counters and tables that guide libFuzzer (LLVM's SanitizerCoverage). Sanitizers would need a nightly toolchain,
# and there is no unsafe code for them to check.
build() {
	flags="--cfg fuzzing -Cpasses=sancov-module"
	for option in level=4 inline-8bit-counters pc-table trace-compares; do
		flags="$flags -Cllvm-args=-sanitizer-coverage-$option"
	done
	# Use the versions of the shipped program.
	cp ../Cargo.lock Cargo.lock
	RUSTFLAGS=$flags cargo build --quiet --release --target "$host"
}

# Limits the size of inputs to what a target processes 1,000 times per second, and the memory.
run() {
	case $1 in
	http | fairness) limits="-max_len=1024" ;;
	page) limits="-max_len=16384 -dict=page.dict" ;;
	web_config) limits="-max_len=4096 -only_ascii=1" ;;
	*) limits="-max_len=16384 -dict=binrpc.dict" ;;
	esac
	# shellcheck disable=SC2086 # a list of words
	exec "$release/$1" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=512 -print_final_stats=1 \
		-artifact_prefix="artifacts/$1/" $limits "corpus/$1" "regressions/$1"
}

# Prints the number of executions, and the coverage of the last line of progress.
summary() {
	runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "artifacts/$1.log")
	progress=$(grep -o 'cov: .* corp: [^ ]*' "artifacts/$1.log" | tail -n 1)
	echo "fuzz: $1: ${runs:-?} executions in $seconds s, $progress"
}

main "$@"
