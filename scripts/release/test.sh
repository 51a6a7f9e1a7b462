#!/bin/sh
# Checks a release as its users get it: first what takes seconds, then the files for amd64. With FULL=1, also whether a
# second build is equal, the image, and the programs of other architectures under qemu.
set -eu
cd "$(dirname "$0")/../.."
. scripts/release/environment.sh

main() {
	own=$(own_name)
	shellcheck --severity=warning scripts/release.sh scripts/chart.sh scripts/npm.sh scripts/release/*.sh packaging/deb/p*
	scripts/release/test-tag.sh
	scripts/release/test-workflows.sh
	scripts/release/test-units.sh
	scripts/chart.sh check
	scripts/release/test-crates.sh
	if [ "$own" != amd64 ]; then
		echo "release: no files are built in the test, because its expectations are those of amd64"
		return
	fi
	if [ "${FULL:-}" = 1 ]; then
		scripts/release.sh amd64 amd64-static arm64 armv7 s390x
		scripts/release/test-reproducible.sh amd64
		scripts/release/test-architectures.sh arm64 armv7 s390x
		scripts/release/test-image.sh
	else
		scripts/release.sh amd64
		echo "release: a second build, the image and other architectures are tested with FULL=1, because each takes a build of minutes"
	fi
	scripts/release/test-packages.sh
}

main "$@"
