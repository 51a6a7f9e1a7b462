#!/bin/sh
# Runs all checks and tests in turn, and stops at the first failure.
set -eu
cd "$(dirname "$0")/.."

main() {
	begin=$(date +%s)
	step "deps" scripts/deps.sh
	step "fmt" cargo fmt --all --check
	step "clippy" cargo clippy --workspace --all-targets --all-features -- -D warnings
	# The library without its optional features, which the previous step enables.
	step "clippy, library alone" cargo clippy -p kamailio-binrpc --all-targets -- -D warnings
	# Clippy selects the test targets that "cargo test" runs by default.
	step "clippy, faults" cargo clippy -p kamailio_exporter --test faults --test attacks --all-features -- -D warnings
	again=$PWD/.run/test.again
	rm -f "$again"
	# Every test but the faults and attacks, which are "test = false". Most of them wait, for Kamailio or for a while.
	step "test" env RUST_TEST_THREADS="$(threads)" scripts/cargo-test.sh "$again" --workspace --all-features
	step "release" scripts/release.sh test
	program=$(scripts/release.sh program)
	# On the program of the release, because memory and times count.
	step "faults" env EXPORTER_PROGRAM="$program" \
		scripts/cargo-test.sh "$again" -p kamailio_exporter --test faults --test attacks --all-features -- --show-output
	step "doc" env RUSTDOCFLAGS="-D warnings" cargo doc --workspace --all-features --no-deps
	step "mixin" scripts/mixin.sh check
	# Checks licences, sources and duplicate versions of dependencies.
	step "deny" env PATH="$PWD/.run/cargo/bin:$PATH" cargo deny --locked check licenses sources bans
	# The tests replay earlier findings; this step searches for new ones. Full optimisation would take longer than the search.
	if command -v c++ >/dev/null; then
		step "fuzz" env FUZZ_SECONDS="${FUZZ_SECONDS:-20}" CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_DEBUG=0 \
			scripts/fuzz.sh
	else
		echo "== fuzz: skipped, because libFuzzer needs a C++ compiler (c++)"
	fi
	if [ -e "$again" ]; then
		echo "== passed only when run again, alone:"
		cat "$again"
	fi
	echo "== all passed, $(($(date +%s) - begin)) s"
}

threads() {
	processors=$(nproc)
	echo $((processors < 4 ? 4 : processors))
}

step() {
	name=$1
	shift
	start=$(date +%s)
	echo "== $name"
	if ! "$@"; then
		echo "== $name: FAILED after $(($(date +%s) - start)) s: $*" >&2
		exit 1
	fi
	echo "== $name: $(($(date +%s) - start)) s"
}

main
