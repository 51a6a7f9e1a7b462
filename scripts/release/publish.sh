#!/bin/sh
# usage: publish.sh files TAG | image NAME | crates
#
# files:  creates the release of TAG on GitHub, with the section of CHANGELOG.md and the files in dist/.
# image:  pushes the image of all static targets as NAME:VERSION.
# crates: publishes the libraries, each after those that it depends on.
#
# With DRY_RUN=1, prints the commands that reach others instead of running them.
set -eu
cd "$(dirname "$0")/../.."
. scripts/release/environment.sh

main() {
	case $1 in
	files)
		notes=$(mktemp)
		trap 'rm -f "$notes"' EXIT
		section >"$notes"
		[ -s "$notes" ] || fail "CHANGELOG.md has no section of $version"
		[ -s "$dist/sha256sums.txt" ] || fail "$dist has no files of a release"
		(cd "$dist" && sha256sum --quiet --check sha256sums.txt)
		run gh release create "$2" --verify-tag --title "$version" --notes-file "$notes" "$dist"/*
		;;
	image)
		if [ -n "${REGISTRY_PASSWORD:-}" ]; then
			echo "$REGISTRY_PASSWORD" | run buildah login --username "$REGISTRY_USER" --password-stdin "${2%%/*}"
		fi
		# shellcheck disable=SC2046 # a list of words
		run scripts/release/image.sh "docker://$2:$version" $(names | grep -e -static)
		;;
	crates)
		for crate in kamailio-binrpc prometheus-exposition exporter-toolkit; do
			run cargo publish --locked --package "$crate"
		done
		;;
	*) fail "usage: publish.sh files TAG | image NAME | crates" ;;
	esac
}

# The lines of CHANGELOG.md about this version.
section() {
	awk -v heading="## $version " '/^## / { inside = index($0, heading) == 1; next } inside' CHANGELOG.md
}

run() {
	if [ "${DRY_RUN:-}" = 1 ]; then
		echo "would run: $*"
	else
		"$@"
	fi
}

fail() {
	echo "release: $1" >&2
	exit 1
}

main "$@"
