#!/bin/sh
# Checks that check-tag.sh accepts a commit that is ready, and refuses each kind of one that is not, in a clone.
set -eu
cd "$(dirname "$0")/../.."

main() {
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	git clone --quiet --no-local --depth 1 . "$work/clone"
	# Test the working copy of check-tag.sh, even if it is not committed.
	cp scripts/release/check-tag.sh "$work/check-tag.sh"
	cd "$work/clone"
	mkdir -p scripts/release
	cp "$work/check-tag.sh" scripts/release/
	version=$(cat VERSION)
	sed -i "s/^## $version (.*)/## $version (2026-11-30)/" CHANGELOG.md
	save
	accepts "v$version"
	refuses "v$version.1" "the tag is"
	refuses "$version" "the tag is"
	echo "not committed" >>README.md
	refuses "v$version" "not committed"
	git checkout --quiet README.md
	sed -i "s/^## $version (.*)/## $version (unreleased)/" CHANGELOG.md
	save
	refuses "v$version" "CHANGELOG.md has no section"
	git reset --quiet --hard HEAD~1
	echo 99.0.0 >VERSION
	save
	refuses v99.0.0 "the crate kamailio-binrpc has version $version"
	echo "release: check-tag refuses what it has to"
}

save() {
	git add --all
	git -c user.name=test -c user.email=test@localhost commit --quiet --message=test
}

accepts() {
	scripts/release/check-tag.sh "$1" >/dev/null
}

refuses() {
	if output=$(scripts/release/check-tag.sh "$1" 2>&1); then
		echo "release: check-tag accepts $1 although: $2" >&2
		exit 1
	fi
	case $output in
	*"$2"*) ;;
	*)
		echo "release: check-tag refuses $1 with other words than \"$2\": $output" >&2
		exit 1
		;;
	esac
}

main "$@"
