#!/bin/sh
# usage: npm.sh PACKAGE@VERSION...
#
# Installs packages from npm in .run/npm, unless they are there, without running their scripts.
set -eu
cd "$(dirname "$0")/.."

for package in "$@"; do
	marker=.run/npm/$(echo "$package" | tr /@ __)
	if ! [ -e "$marker" ]; then
		echo "npm: installing $package in .run/npm"
		mkdir -p .run/npm
		[ -e .run/npm/package.json ] || echo '{"private": true}' >.run/npm/package.json
		npm install --silent --prefix .run/npm --ignore-scripts --no-audit --no-fund "$package"
		touch "$marker"
	fi
done
