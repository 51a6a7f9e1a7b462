#!/bin/sh
# Builds this commit again in another directory, and compares the files for this machine with those in dist/.
set -eu
cd "$(dirname "$0")/../.."
. scripts/release/environment.sh

# Kept between runs: with the dependencies compiled, a build takes a third of the time.
again=$PWD/.run/build-elsewhere/kamailio_exporter
tree=$again/tree
name=$(own_name)

if [ -n "$(git status --porcelain)" ]; then
	echo "release: a second build is not compared, because files are not committed"
	exit 0
fi
mkdir -p "$again"
rm -rf "$tree"
git clone --quiet --no-local --depth 1 . "$tree"
mkdir "$tree/.run"
for directory in release-tools cargo; do
	[ ! -e ".run/$directory" ] || ln -s "$PWD/.run/$directory" "$tree/.run/$directory"
done
(cd "$tree" && DIST=$again/dist CARGO_TARGET_DIR=$again/target scripts/release.sh "$name")
for file in "$again"/dist/*; do
	case $file in *.txt) continue ;; esac
	if ! cmp "$file" "$dist/$(basename "$file")"; then
		echo "release: $(basename "$file") differs between two builds of the same commit" >&2
		exit 1
	fi
done
echo "release: a build in another directory makes the same files"
