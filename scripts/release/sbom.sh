#!/bin/sh
# Writes the list of the program's dependencies as CycloneDX: dist/kamailio_exporter-VERSION.cdx.json.
set -eu
cd "$(dirname "$0")/../.."
. scripts/release/environment.sh

file=kamailio_exporter-$version.cdx
cargo cyclonedx --quiet --manifest-path crates/exporter/Cargo.toml --format json --override-filename "$file" \
	--spec-version 1.5 --target x86_64-unknown-linux-gnu --no-build-deps
# The directory of the build is of no interest, and differs between machines.
sed "s|file://$PWD|file:///kamailio_exporter|g" "crates/exporter/$file.json" >"$dist/$file.json"
# cargo cyclonedx writes a file for each crate; only the program's is kept.
find crates testing bench -name "$file.json" -delete
