#!/bin/sh
# usage: test-reproducible.sh NAME
#
# Makes the files of a target again, from the same commit in another directory, and compares them with those in dist/: they
# have to be equal to the byte.
set -eu
cd "$(dirname "$0")/../.."
. scripts/release/environment.sh

main() {
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	trap 'exit 1' HUP INT TERM
	git clone --quiet . "$work/elsewhere"
	ln -s "$PWD/.run" "$work/elsewhere/.run"
	(cd "$work/elsewhere" && CARGO_TARGET_DIR=$work/target DIST=$work/dist scripts/release.sh "$1")
	compared=0
	for file in "$work/dist"/*; do
		# The checksums are those of all targets.
		[ "${file##*/}" != sha256sums.txt ] || continue
		cmp "$file" "$dist/${file##*/}" || wrong "${file##*/} differs between two builds of the same commit"
		compared=$((compared + 1))
	done
	[ "$compared" -ge 4 ] || wrong "only $compared files were compared"
	echo "release: $compared files are equal in two builds of $1 in different directories"
}

wrong() {
	echo "release: $1" >&2
	exit 1
}

main "$@"
