#!/bin/sh
# Packages the libraries as crates.io gets them, in the order of publish.sh, and checks that the packages are complete.
set -eu
cd "$(dirname "$0")/../.."

# The files that every package needs.
needed="Cargo.toml LICENSE-APACHE LICENSE-MIT README.md src/lib.rs"

DRY_RUN=1 scripts/release/publish.sh crates | sed 's/.*--package //' | while read -r crate; do
	files=$(cargo package --quiet --locked --offline --allow-dirty --package "$crate" --list)
	for file in $needed; do
		if ! echo "$files" | grep -qx "$file"; then
			echo "release: the package of $crate lacks $file" >&2
			exit 1
		fi
	done
	# Without a build: the checks before have built the same files.
	cargo package --quiet --locked --offline --allow-dirty --no-verify --package "$crate"
done
echo "release: the crates can be packaged"
