#!/bin/sh
# usage: mutants.sh [CRATE | PATH]...
#
# Changes the code in one place at a time ("mutants") and runs the tests of its crate, which must fail. A mutant that survives
# is a line that no test checks. Takes crates and paths of source files or directories; the default is the list below.
# Results are in .run/mutants/NAME: caught.txt, missed.txt, timeout.txt, unviable.txt. Mutants that cannot be caught are in
# .cargo/mutants.toml, each with the reason.
#
# MUTANTS_FLAGS are passed to cargo mutants, for instance "--shard 0/8" for an eighth, or "--iterate" for those missed before.
set -euf # without -f, the shell would expand the patterns that are for cargo mutants
cd "$(dirname "$0")/.."

# Crates and paths whose mutants are to be caught.
default="kamailio-binrpc prometheus-exposition
	crates/exporter/src/scrape crates/exporter/src/outbound/allow_list
	crates/exporter/src/instance/single_flight.rs crates/exporter/src/commands/push/schedule.rs
	crates/exporter-toolkit/src/authentication.rs crates/exporter-toolkit/src/worker.rs
	crates/exporter-toolkit/src/config crates/exporter-toolkit/src/web_config.rs"
# Percentage of the mutants that compile that must be caught.
least=95
cargo_mutants=27.1.0

main() {
	install
	# shellcheck disable=SC2086 # a list of words
	[ $# -gt 0 ] || set -- $default
	failed=
	for subject in "$@"; do
		mutate "$subject" || failed="$failed $subject"
	done
	if [ -n "$failed" ]; then
		echo "mutants: FAILED:$failed" >&2
		exit 1
	fi
}

install() {
	PATH=$PWD/.run/cargo/bin:$PATH
	if ! cargo mutants --version 2>/dev/null | grep -q "$cargo_mutants"; then
		echo "mutants: installing cargo-mutants $cargo_mutants in .run/cargo"
		cargo install --quiet --locked --root .run/cargo "cargo-mutants@$cargo_mutants"
	fi
}

# Many tests wait rather than compute, so that more of them than there are processors run at a time. Only the test programs
# that run are built: building the others too would take several times as long.
mutate() {
	out=.run/mutants/$(echo "$1" | tr / _)
	mkdir -p "$out"
	programs=
	for argument in $(programs "$1"); do
		programs="$programs --cargo-arg=$argument"
	done
	# shellcheck disable=SC2046,SC2086 # lists of words
	RUST_TEST_THREADS=16 cargo mutants $(scope "$1") --all-features --profile mutants --colors never \
		--minimum-test-timeout 60 --output "$out" $programs ${MUTANTS_FLAGS:-} -- -- $(tests "$1") || true
	report "$1" "$out/mutants.out"
}

scope() {
	case $1 in
	*/*) if [ -d "$1" ]; then echo "--file $1/**"; else echo "--file $1"; fi ;;
	*) echo "--package $1" ;;
	esac
}

# The programs of the fast tests.
programs() {
	case $1 in
	prometheus-exposition | crates/exposition/* | crates/exporter/src/commands/push/schedule.rs) echo "--lib" ;;
	*) echo "--lib --test it" ;;
	esac
}

# Selects the tests to run. The library's tests with a real Kamailio check nothing that the other tests do not.
tests() {
	case $1 in
	kamailio-binrpc | crates/binrpc/*) echo "--skip a_real_kamailio" ;;
	crates/exporter/src/commands/push/schedule.rs) echo "schedule::" ;;
	crates/exporter/src/instance/single_flight.rs) echo "single_flight:: model:: sharing::" ;;
	crates/exporter/src/outbound/allow_list*) echo "allow_list:: probe" ;;
	esac
}

report() {
	count() { if [ -e "$1" ]; then wc -l <"$1"; else echo 0; fi; }
	caught=$(($(count "$2/caught.txt") + $(count "$2/timeout.txt")))
	missed=$(count "$2/missed.txt")
	all=$((caught + missed))
	echo "mutants: $1: $caught of $all mutants caught, $(count "$2/unviable.txt") do not compile"
	cat "$2/missed.txt"
	[ "$all" -gt 0 ] && [ $((100 * caught)) -ge $((least * all)) ]
}

main "$@"
