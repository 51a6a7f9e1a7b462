#!/bin/sh
# Builds the image of the static program of this machine, unpacks it, and runs it from its own root, as user 65534 and with
# nothing else in it: it has to serve, and its health check has to fail without a running exporter.
set -eu
cd "$(dirname "$0")/../.."
. scripts/release/environment.sh

port=29495

main() {
	if [ "$(id -u)" -ne 0 ]; then
		echo "release: no image is built in the test, because umoci and chroot need root"
		return
	fi
	work=$(mktemp -d)
	exporter=
	trap clean EXIT
	trap 'exit 1' HUP INT TERM
	scripts/release/image.sh "oci:$work/image:test" "$(own_name)-static"
	umoci unpack --image "$work/image:test" "$work/bundle" >"$work/log" 2>&1 || wrong "$(cat "$work/log")"
	root=$work/bundle/rootfs
	[ "$(cd "$root" && find . ! -type d | sort | tr '\n' ' ')" = "./LICENSE-APACHE ./LICENSE-MIT ./NOTICE ./kamailio_exporter " ] ||
		wrong "the image has other files: $(find "$root")"
	! in_root healthcheck "http://127.0.0.1:$port/-/healthy" 2>/dev/null || wrong "a health check without an exporter succeeds"
	# Not through a function, because `$!` would be the process ID of a shell.
	chroot --userspec=65534:65534 --groups= "$root" /kamailio_exporter --web.listen-address="127.0.0.1:$port" \
		>"$work/log" 2>&1 &
	exporter=$!
	for _ in $(seq 50); do
		! in_root healthcheck "http://127.0.0.1:$port/-/healthy" 2>/dev/null || break
		sleep 0.1
	done
	in_root healthcheck "http://127.0.0.1:$port/-/healthy" || wrong "the exporter does not become healthy: $(cat "$work/log")"
	curl -sf "http://127.0.0.1:$port/metrics" | grep -qx "kamailio_up 0" || wrong "the exporter in the image does not serve"
	echo "release: the image runs"
}

# As the image's user.
in_root() {
	chroot --userspec=65534:65534 --groups= "$root" /kamailio_exporter "$@"
}

clean() {
	[ -z "$exporter" ] || kill "$exporter" 2>/dev/null || true
	rm -rf "$work"
}

wrong() {
	echo "release: $1" >&2
	exit 1
}

main "$@"
