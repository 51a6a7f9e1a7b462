#!/bin/sh
# usage: test-architectures.sh NAME...
#
# Runs the program of each tarball under qemu against the real Kamailio, and compares the exposition with that of this
# machine's program: the same series, and the same values where they never change. A big-endian machine shows whether
# the byte order of BINRPC is right.
set -eu
cd "$(dirname "$0")/../.."
. scripts/release/environment.sh

address=127.0.31.3

main() {
	work=$(mktemp -d)
	kamailio=
	trap clean EXIT
	trap 'exit 1' HUP INT TERM
	setsid demo/kamailio.sh "$work" "$address" >"$work/kamailio.log" 2>&1 &
	kamailio=$!
	for _ in $(seq 100); do
		[ ! -S "$work/ctl" ] || break
		sleep 0.1
	done
	once "$(own_name)" >"$work/expected"
	[ "$(wc -l <"$work/expected")" -gt 300 ] || wrong "$(own_name) has only $(wc -l <"$work/expected") lines"
	for name in "$@"; do
		once "$name" >"$work/found"
		diff "$work/expected" "$work/found" >"$work/diff" || wrong "$name has another exposition: $(head -n 10 "$work/diff")"
		echo "release: $name has the exposition of $(own_name), $(wc -l <"$work/found") lines"
	done
}

# The series, and the values that do not change. Processes differ while Kamailio starts, and qemu passes no netlink messages
# about sockets on to the kernel.
once() {
	tar -xzf "$dist/$(directory "$1").tar.gz" -C "$work"
	emulate "$1" "$work/$(directory "$1")/kamailio_exporter" once -m all -t 20s -u "unix:$work/ctl" >"$work/metrics"
	grep -q '^kamailio_up 1$' "$work/metrics" || wrong "$1: $(tail -n 3 "$work/metrics")"
	sed -E -e '/^#/d; /^kamailio_(pkg|private|process|socket)/d' \
		-e 's/goarch="[^"]*"/goarch/' -e '/^kamailio_(htable|modules|core_shmmem_total|core_tcp_info_max)/!s/ [^ ]*$//' "$work/metrics"
}

# emulate NAME PROGRAM ARGUMENT...: with the C library of Debian's cross packages.
emulate() {
	name=$1
	shift
	case $name in
	"$(own_name)") "$@" ;;
	arm64) foreign qemu-aarch64 aarch64-linux-gnu "$@" ;;
	armv7) foreign qemu-arm arm-linux-gnueabihf "$@" ;;
	386) foreign qemu-i386 i686-linux-gnu "$@" ;;
	ppc64le) foreign qemu-ppc64le powerpc64le-linux-gnu "$@" ;;
	riscv64) foreign qemu-riscv64 riscv64-linux-gnu "$@" ;;
	s390x) foreign qemu-s390x s390x-linux-gnu "$@" ;;
	*) wrong "$name cannot be emulated" ;;
	esac
}

foreign() {
	emulator=$1
	library=/usr/$2
	shift 2
	if ! command -v "$emulator" >/dev/null || ! [ -d "$library/lib" ]; then
		wrong "$name needs $emulator (qemu-user) and $library/lib (libc6-$(column "$name" 3)-cross)"
	fi
	"$emulator" -L "$library" "$@"
}

clean() {
	[ -z "$kamailio" ] || kill "$kamailio" 2>/dev/null || true
	wait
	rm -rf "$work"
}

wrong() {
	echo "release: $1" >&2
	exit 1
}

main "$@"
