#!/bin/sh
# usage: release.sh [NAME...] | check-tag TAG | test | program
#
# Makes the files of a release in dist/, for the targets in packaging/targets or those named, with what this machine can
# build; see RELEASE.md. "check-tag" verifies that the commit is ready for the tag. "test" checks the files as users get
# them. "program" builds only the program of this machine, and prints its path.
set -eu
cd "$(dirname "$0")/.."
. scripts/release/environment.sh

main() {
	case ${1:-} in
	check-tag) exec scripts/release/check-tag.sh "${2:?usage: release.sh check-tag TAG}" ;;
	test) exec scripts/release/test.sh ;;
	program)
		scripts/release/tools.sh >&2
		realpath "$(scripts/release/build.sh "$(own_name)")"
		exit
		;;
	esac
	tag=$(git tag --points-at HEAD | grep '^v' || true)
	if [ -n "$tag" ]; then
		scripts/release/check-tag.sh "$tag"
	else
		echo "release: this commit has no tag: building $version anyway, for tests"
	fi
	scripts/release/tools.sh
	rm -rf "$dist"
	mkdir -p "$dist"
	# shellcheck disable=SC2046 # a list of words
	[ $# -gt 0 ] || set -- $(names)
	# The program of this machine prints the manual pages and completions of all.
	scripts/release/documents.sh "$(scripts/release/build.sh "$(own_name)")"
	left_out=
	for name in "$@"; do
		make_target "$name" || left_out="$left_out $name"
	done
	scripts/release/sbom.sh
	(cd "$dist" && sha256sum -- *.* >sha256sums.txt)
	if [ -n "$left_out" ]; then
		echo "release: left out, for the reasons above:$left_out" >&2
		exit 1
	fi
}

make_target() {
	start=$(date +%s)
	program=$(scripts/release/build.sh "$1") || return 1
	scripts/release/tarball.sh "$1" "$program" || return 1
	if [ "$(column "$1" 3)" != - ]; then
		scripts/release/packages.sh "$1" || return 1
	fi
	echo "release: $1: $(($(date +%s) - start)) s"
}

main "$@"
