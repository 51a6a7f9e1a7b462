#!/bin/sh
# Does with the packages in dist/ what an operator does: in a minimal Debian 11, without anything of this repository but the
# package, installs the older deb, upgrades, configures, starts the exporter on a real Kamailio, removes and purges. Then
# does the same with the tarball and, as far as rpm on Debian can, with the rpm.
set -eu
cd "$(dirname "$0")/../.."
. scripts/release/environment.sh

package=prometheus-kamailio-exporter
suite=bullseye
cache=.run/debian/$suite
address=127.0.31.1
port=29494

main() {
	deb=$dist/${package}_$version-1_amd64.deb
	rpm=$dist/$package-$version-1.x86_64.rpm
	# Programs built from crates have no Debian bug, and no other argument is needed: no errors, no warnings.
	lintian --allow-root --fail-on error,warning "$deb"
	if [ "$(id -u)" -ne 0 ]; then
		echo "release: packages are not installed in the test, because chroot needs root"
		return
	fi
	prepare
	start_kamailio
	with_deb
	with_tarball
	with_rpm
	echo "release: deb, tarball and rpm install, serve and are removed"
}

# The mirror is the one that this machine has its packages from.
prepare() {
	if ! [ -e "$cache/done" ]; then
		rm -rf "$cache"
		mkdir -p "$cache"
		# shellcheck disable=SC2016 # for apt-get
		mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | head -n 1)
		echo "release: fetching a minimal Debian $suite into $cache"
		debootstrap --variant=minbase --include=init-system-helpers,adduser "$suite" "$cache/tree" "$mirror" >"$cache/log" 2>&1
		touch "$cache/done"
	fi
	work=$(mktemp -d)
	tree=$work/tree
	running=
	trap clean EXIT
	trap 'exit 1' HUP INT TERM
	cp -a "$cache/tree" "$tree"
	mkdir -p "$tree/run/kamailio"
	chmod 755 "$work"
}

clean() {
	for process in $running; do
		kill "$process" 2>/dev/null || true
		wait "$process" 2>/dev/null || true
	done
	rm -rf "$work"
}

# Its sockets are in the tree, and open to its group, which the tree has too.
start_kamailio() {
	in_tree groupadd --gid "$(getent group kamailio | cut -d : -f 3)" kamailio
	sed 's/^loadmodule "ctl.so"/&\nmodparam("ctl", "mode", 0660)/' demo/kamailio.cfg >"$work/kamailio.cfg"
	KAMAILIO_CFG=$work/kamailio.cfg setsid demo/kamailio.sh "$tree/run/kamailio" "$address" -u root -g kamailio >"$work/kamailio.log" 2>&1 &
	running="$running $!"
	wait_for "Kamailio" test -S "$tree/run/kamailio/ctl"
}

with_deb() {
	list >"$work/before"
	older_deb
	install_deb "$work/older.deb"
	echo "# edited by the operator" >>"$tree/etc/default/$package"
	install_deb "$deb"
	grep -q "edited by the operator" "$tree/etc/default/$package" || wrong "the upgrade of the deb discards the configuration"
	# The one line that an operator edits, and the membership in the group.
	edit="s|^ARGS=.*|ARGS=\"--kamailio.scrape-uri=unix:/run/kamailio/ctl --web.listen-address=$address:$port\"|"
	sed -i "$edit" "$tree/etc/default/$package"
	! in_tree kamailio_exporter check --user prometheus -u unix:/run/kamailio/ctl >"$work/check" 2>&1 ||
		wrong "check --user finds no fault before the user is in the group"
	in_tree usermod -aG kamailio prometheus
	in_tree kamailio_exporter check --user prometheus -u unix:/run/kamailio/ctl >"$work/check" 2>&1 || [ $? -eq 1 ] ||
		wrong "check --user: $(cat "$work/check")"
	serves
	in_tree test -e "/usr/share/man/man1/kamailio_exporter.1.gz"
	in_tree dpkg --remove $package >/dev/null
	in_tree test -e /etc/default/$package || wrong "removing the deb removes its configuration"
	in_tree dpkg --purge $package >/dev/null
	in_tree id prometheus >/dev/null || wrong "purging the deb removes the user, which other packages use"
	list >"$work/after"
	diff "$work/before" "$work/after" || wrong "purging the deb leaves files"
}

# The same, but for its version and the comments of its configuration.
older_deb() {
	dpkg-deb --raw-extract "$deb" "$work/older"
	sed -i 's/^Version: .*/Version: 0.0.1-1/' "$work/older/DEBIAN/control"
	sed -i '1s/.*/# Options of an older version./' "$work/older/etc/default/$package"
	dpkg-deb --root-owner-group --build "$work/older" "$work/older.deb" >/dev/null
}

install_deb() {
	cp "$1" "$tree/package.deb"
	in_tree dpkg --force-confold --install /package.deb >"$work/dpkg" 2>&1 || wrong "$(cat "$work/dpkg")"
	rm "$tree/package.deb"
}

with_tarball() {
	top=$(directory amd64)
	tar -xzf "$dist/$top.tar.gz" -C "$tree/opt"
	in_tree install "/opt/$top/kamailio_exporter" /usr/local/bin/
	in_tree install -m 644 -D "/opt/$top/systemd/default" /etc/default/$package
	sed -i "$edit" "$tree/etc/default/$package"
	serves
	rm "$tree/usr/local/bin/kamailio_exporter" "$tree/etc/default/$package"
}

# Debian has no database of installed rpm packages: dependencies are checked by name.
with_rpm() {
	rpm --query --package --requires "$rpm" | grep -q '^glibc >= 2.31' || wrong "the rpm does not require glibc 2.31"
	cp "$rpm" "$work/package.rpm"
	mkdir -p "$tree/var/lib/rpm"
	rpm --root "$tree" --install --nodeps --ignorearch "$work/package.rpm" >"$work/rpm" 2>&1 || wrong "$(cat "$work/rpm")"
	sed -i "$edit" "$tree/etc/default/$package"
	serves
	rpm --root "$tree" --erase --nodeps $package >"$work/rpm" 2>&1 || wrong "$(cat "$work/rpm")"
	! [ -e "$tree/usr/bin/kamailio_exporter" ] || wrong "removing the rpm leaves the program"
}

# Starts the exporter as the unit does, with its user and ARGS. There is no systemd in a chroot.
serves() {
	# shellcheck disable=SC2016 # for the shell in the tree
	chroot --userspec=prometheus: "$tree" sh -c 'PATH=/usr/local/bin:/usr/bin
		. /etc/default/prometheus-kamailio-exporter; exec kamailio_exporter $ARGS' \
		>"$work/exporter.log" 2>&1 &
	exporter=$!
	running="$running $exporter"
	wait_for "the exporter" curl -sf -o /dev/null "http://$address:$port/-/healthy"
	curl -sSf "http://$address:$port/metrics" >"$work/metrics" || wrong "no metrics: $(tail -n 3 "$work/exporter.log")"
	kill "$exporter"
	wait "$exporter" || wrong "the exporter does not stop cleanly"
	grep -qx "kamailio_up 1" "$work/metrics" || wrong "no metrics of Kamailio: $(tail -n 3 "$work/exporter.log")"
}

in_tree() {
	chroot "$tree" env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"
}

list() {
	(cd "$tree" && find etc usr var run -path run/kamailio -prune -o -path var/lib/dpkg -prune -o -path var/log -prune -o \
		! -path 'etc/*group*' ! -path 'etc/*passwd*' ! -path 'etc/*shadow*' ! -path 'etc/sub?id*' -print | sort)
}

wait_for() {
	name=$1
	shift
	for _ in $(seq 100); do
		! "$@" || return 0
		sleep 0.1
	done
	wrong "$name does not start: $(tail -n 3 "$work"/*.log)"
}

wrong() {
	echo "release: $1" >&2
	exit 1
}

main "$@"
