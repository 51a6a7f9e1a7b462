#!/bin/sh
# usage: check-tag.sh TAG
#
# Fails unless the commit is ready to be released as TAG: VERSION, CHANGELOG.md and all crates have its version, and
# the files are committed.
set -eu
cd "$(dirname "$0")/../.."

main() {
	tag=$1
	version=$(cat VERSION)
	wrong=
	[ "$tag" = "v$version" ] || problem "the tag is $tag, and VERSION has $version"
	grep -Eq "^## $(printf %s "$version" | sed 's/[.]/[.]/g') \([0-9]{4}-[0-9]{2}-[0-9]{2}\)$" CHANGELOG.md ||
		problem "CHANGELOG.md has no section \"## $version (YEAR-MONTH-DAY)\""
	[ -z "$(git status --porcelain)" ] || problem "files are not committed: $(git status --porcelain | head -n 3 | tr '\n' ' ')"
	for crate in $(cargo metadata --format-version 1 --no-deps --locked --offline | crates); do
		[ "${crate#*:}" = "$version" ] || problem "the crate ${crate%:*} has version ${crate#*:}"
	done
	[ -z "$wrong" ] || exit 1
	echo "release: ready for $tag"
}

crates() {
	python3 -c 'import json, sys
for package in json.load(sys.stdin)["packages"]: print(package["name"] + ":" + package["version"])'
}

problem() {
	echo "release: $1" >&2
	wrong=1
}

main "$@"
