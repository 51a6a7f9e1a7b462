#!/bin/sh
# usage: image.sh DESTINATION NAME...
#
# Builds the image of each static target, from the directory that tarball.sh made, and writes one image for all their
# architectures to DESTINATION, such as oci:DIRECTORY or docker://REGISTRY/NAME:TAG. Needs buildah, and no daemon.
set -eu
cd "$(dirname "$0")/../.."
. scripts/release/environment.sh

main() {
	destination=$1
	shift
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	manifest=kamailio_exporter:$version
	images manifest create "$manifest" >/dev/null
	for name in "$@"; do
		# Docker's format, because that of OCI has no health checks.
		images build --quiet --format docker --isolation chroot --timestamp "$SOURCE_DATE_EPOCH" --file Containerfile \
			--arch "${name%-static}" --manifest "$manifest" --label "org.opencontainers.image.version=$version" \
			--label org.opencontainers.image.source=https://github.com/kamailio-exporter/kamailio_exporter \
			--label "org.opencontainers.image.revision=$(git rev-parse HEAD)" \
			--label "org.opencontainers.image.licenses=MIT OR Apache-2.0" \
			"target/release-files/$(directory "$name")" >/dev/null
	done
	images manifest push --quiet --all "$manifest" "$destination" >/dev/null
}

# Its own storage: no image of this machine is touched.
images() {
	buildah --root "$work/root" --runroot "$work/run" --storage-driver vfs "$@"
}

main "$@"
