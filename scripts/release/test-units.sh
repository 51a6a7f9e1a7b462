#!/bin/sh
# Checks the units with systemd-analyze: that they are valid, and that the service can do little but its work.
set -eu
cd "$(dirname "$0")/../.."

# Maximum exposure level, from 0 (best) to 10. The service still needs the network, unix sockets and the file system to read.
most=2.0

if ! command -v systemd-analyze >/dev/null; then
	echo "release: units are not checked, because there is no systemd-analyze"
	exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/usr/bin" "$work/etc/systemd/system"
cp packaging/*.service packaging/*.socket "$work/etc/systemd/system"
# The programs that the units start have to exist.
for program in kamailio_exporter kill; do
	printf '#!/bin/sh\n' >"$work/usr/bin/$program"
	chmod 755 "$work/usr/bin/$program"
done
for unit in service socket; do
	# systemd's own units are not in the directory.
	systemd-analyze verify --man=no --recursive-errors=no --root="$work" prometheus-kamailio-exporter.$unit 2>&1 |
		grep -v 'not found\.$' >"$work/found" || true
	if [ -s "$work/found" ]; then
		cat "$work/found" >&2
		exit 1
	fi
done
exposure=$(systemd-analyze security --offline=true --no-pager packaging/prometheus-kamailio-exporter.service |
	sed -n 's/.*Overall exposure level .*: \([0-9.]*\) .*/\1/p')
if [ -z "$exposure" ] || [ "$(printf '%s\n' "$exposure" $most | sort -g | tail -n 1)" != $most ]; then
	echo "release: the service has an exposure of $exposure, more than $most" >&2
	exit 1
fi
echo "release: the units are valid, and the service has an exposure of $exposure"
