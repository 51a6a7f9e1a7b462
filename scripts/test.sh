#!/bin/sh
# All checks and tests, one after the other, up to the first that fails.
set -eu
cd "$(dirname "$0")/.."

main() {
	begin=$(date +%s)
	step "deps" scripts/deps.sh
	step "fmt" cargo fmt --all --check
	step "clippy" cargo clippy --workspace --all-targets --all-features -- -D warnings
	# The library without its optional dependencies, which the line above turns on.
	step "clippy, library alone" cargo clippy -p kamailio-binrpc --all-targets -- -D warnings
	# Unit, property, integration and golden tests, and those with a real Kamailio and Prometheus.
	# All test programs but the faults, which are tried on the program as users run it: it is the one whose memory counts.
	step "test" cargo test --workspace --all-features --lib --bins --examples --test '[!f]*'
	step "faults" cargo test --release -p kamailio_exporter --test faults -- --show-output
	step "doctest" cargo test --workspace --all-features --doc
	step "doc" env RUSTDOCFLAGS="-D warnings" cargo doc --workspace --all-features --no-deps
	step "mixin" scripts/mixin.sh check
	# Licences, sources and duplicate versions of the dependencies.
	step "deny" env PATH="$PWD/.run/cargo/bin:$PATH" cargo deny --locked check licenses sources bans
	# What was found before is replayed by the tests; this looks for what was not.
	if command -v c++ >/dev/null; then
		step "fuzz" env FUZZ_SECONDS="${FUZZ_SECONDS:-20}" scripts/fuzz.sh
	else
		echo "== fuzz: not run, there is no C++ compiler (c++) to compile libFuzzer with"
	fi
	echo "== all passed, $(($(date +%s) - begin)) s"
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
