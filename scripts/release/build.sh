#!/bin/sh
# usage: build.sh NAME
#
# Builds the program for a target of packaging/targets, and prints its path. zig is the C compiler and the linker for every
# architecture, and links against the glibc that the target names. The result does not depend on the directories of the
# machine that builds it, and contains the list of its dependencies (cargo auditable).
set -eu
cd "$(dirname "$0")/../.."
. scripts/release/environment.sh

main() {
	target=$(column "$1" 2)
	if [ -z "$target" ]; then
		echo "release: no target $1 in packaging/targets" >&2
		exit 1
	fi
	triple=${target%%.*}
	if ! rustc_has "$triple"; then
		echo "release: $1: left out, because there is no standard library for $triple: rustup target add failed" >&2
		exit 1
	fi
	home=${CARGO_HOME:-$HOME/.cargo}
	# The compiler's own paths are remapped by its distributors.
	RUSTFLAGS="--remap-path-prefix=$PWD=/kamailio_exporter --remap-path-prefix=$home=/cargo"
	# Unpacks the sources, whose directories are remapped.
	cargo fetch --quiet --locked --target "$triple" >&2
	# A directory for each registry, whose name depends on its address.
	for registry in "$home"/registry/src/*/; do
		RUSTFLAGS="$RUSTFLAGS --remap-path-prefix=${registry%/}=/crates"
	done
	export RUSTFLAGS
	KAMAILIO_EXPORTER_REVISION=${KAMAILIO_EXPORTER_REVISION:-$(git rev-parse HEAD)}
	KAMAILIO_EXPORTER_BRANCH=${KAMAILIO_EXPORTER_BRANCH:-HEAD}
	export KAMAILIO_EXPORTER_REVISION KAMAILIO_EXPORTER_BRANCH
	nice -n 10 cargo auditable zigbuild --quiet --release --locked --package kamailio_exporter --target "$target" >&2
	program=${CARGO_TARGET_DIR:-target}/$triple/release/kamailio_exporter
	check "$program"
	echo "$program"
}

rustc_has() {
	[ -d "$(rustc --print target-libdir --target "$1" 2>/dev/null)" ] || rustup --quiet target add "$1" >&2
}

# Fails if the program has symbols of a newer glibc, or paths of this machine.
check() {
	oldest=${target#"$triple"}
	newest=$(readelf --version-info --wide "$1" | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -n 1)
	if [ -z "$oldest" ]; then
		! readelf --program-headers --wide "$1" | grep -q INTERP || wrong "is not static"
	elif [ "$(printf '%s\n' "${newest#GLIBC_}" "${oldest#.}" | sort -V | tail -n 1)" != "${oldest#.}" ]; then
		wrong "needs $newest"
	fi
	for path in "$home" "$PWD"; do
		! grep -qaF "$path" "$1" || wrong "contains the path $path"
	done
}

wrong() {
	echo "release: $program $1" >&2
	exit 1
}

main "$@"
