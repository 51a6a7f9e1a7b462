#!/bin/sh
# Writes the list of the program's dependencies as CycloneDX: dist/kamailio_exporter-VERSION.cdx.json.
set -eu
cd "$(dirname "$0")/../.."
. scripts/release/environment.sh

file=kamailio_exporter-$version.cdx
cargo cyclonedx --quiet --manifest-path crates/exporter/Cargo.toml --format json --override-filename "$file" \
	--target all --no-build-deps
mv "crates/exporter/$file.json" "$dist/"
# One for each crate of the workspace: only that of the program is wanted.
find crates testing bench -name "$file.json" -delete
