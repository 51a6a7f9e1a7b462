#!/bin/sh
# usage: kamailios.sh [SUITE ...]
#
# Unpacks the Kamailio of each other Debian suite for the tests, with the libraries it needs, in .run/kamailio/SUITE
# (KAMAILIOS names another directory). The programs in SUITE/bin run from there with their own libraries: nothing is
# installed, no maintainer script runs, and no privileges are needed.
#
# A suite that is already unpacked is left unchanged. A suite that cannot be fetched is reported in one line, and the tests
# skip it for the reason in SUITE.unavailable; with CI=true that is a failure. FORCE=1 fetches everything again.
set -eu
cd "$(dirname "$0")/.."

suites="bullseye bookworm trixie sid"
# Those that demo/many-modules.cfg needs, as in deps.sh.
packages="kamailio kamailio-tls-modules kamailio-extra-modules kamailio-cnxcc-modules kamailio-ims-modules
	kamailio-presence-modules kamailio-sqlite-modules kamailio-websocket-modules"
# Only sid: the next generation of Prometheus, which negotiates other formats and has rules of its own.
sid_packages="prometheus promtool"

main() {
	trees=${KAMAILIOS:-.run/kamailio}
	mkdir -p "$trees"
	trees=$(cd "$trees" && pwd)
	own=$(. /etc/os-release 2>/dev/null && echo "${VERSION_CODENAME:-}")
	failed=
	begin=$(date +%s)
	for suite in ${*:-$suites}; do
		[ "$suite" != "$own" ] || continue
		! is_there "$suite" || continue
		echo "kamailios: fetching Kamailio of Debian $suite into $trees/$suite"
		# In parallel, because the network takes most of the time.
		fetch "$suite" &
		eval "pid_$suite=$!"
	done
	for suite in ${*:-$suites}; do
		eval "pid=\${pid_$suite:-}"
		[ -n "$pid" ] || continue
		if wait "$pid"; then
			rm -f "$trees/$suite.unavailable"
			echo "kamailios: $suite has $(grep '^kamailio ' "$trees/$suite/versions"), $(($(date +%s) - begin)) s"
		else
			echo "kamailios: no Kamailio of Debian $suite: $(cat "$trees/$suite.unavailable")" >&2
			failed="$failed $suite"
		fi
	done
	if [ -n "$failed" ] && [ "${CI:-}" = true ]; then
		echo "kamailios: failed, because CI is true:$failed" >&2
		exit 1
	fi
}

is_there() {
	[ "${FORCE:-}" != 1 ] && [ "$(head -n 1 "$trees/$1/versions" 2>/dev/null)" = "$(recipe "$1")" ]
}

# What the tree was made of: with another list of packages or another script, it is made again.
recipe() {
	echo "# $(cksum <scripts/kamailios.sh) $1"
}

# In a subshell, which ends at the first failure and leaves the reason in SUITE.unavailable.
fetch() (
	suite=$1
	work=$(mktemp -d "$trees/.$suite.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	trap 'exit 1' HUP INT TERM
	log=$work/log
	[ "$(. /etc/os-release 2>/dev/null && echo "${ID:-}")" = debian ] || unavailable "this is not Debian"
	configure_apt
	update || unavailable "$(error "its package list cannot be fetched or its signature does not match")"
	choose || unavailable "$(error "its packages cannot be resolved")"
	# shellcheck disable=SC2046 # a list of words
	(cd "$work/debs" && apt download $(cut -d ' ' -f 1 "$work/chosen")) >"$log" 2>&1 ||
		unavailable "$(error "its packages cannot be downloaded")"
	for deb in "$work"/debs/*.deb; do
		dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$work/tree" --no-same-owner \
			--exclude=./usr/share/doc --exclude=./usr/share/man --exclude=./usr/share/locale
	done
	install_programs
	works || unavailable "its kamailio does not run: $(tail -n 1 "$log")"
	{
		recipe "$suite"
		sort "$work/chosen"
	} >"$work/tree/versions"
	rm -rf "${trees:?}/$suite"
	mv "$work/tree" "$trees/$suite"
)

unavailable() {
	echo "$1" >"$trees/$suite.unavailable"
	exit 1
}

# apt's first error, or what failed if it printed none.
error() {
	sed -n 's/^[EW]: //p' "$log" | head -n 1 | grep . || echo "$1"
}

# With lists and archives of its own, and an empty set of installed packages. Signatures are checked with Debian's keys.
configure_apt() {
	mkdir -p "$work/state/lists/partial" "$work/cache/archives/partial" "$work/debs" "$work/tree/bin"
	: >"$work/status"
	# The hooks are for the machine's lists. apt's own user cannot write here.
	cat >"$work/apt.conf" <<CONF
Dir::State "$work/state";
Dir::State::status "$work/status";
Dir::Cache "$work/cache";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Acquire::Languages "none";
APT::Install-Recommends "false";
APT::Sandbox::User "root";
Debug::NoLocking "true";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
CONF
}

apt() {
	apt-get -c "$work/apt.conf" -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=/dev/null "$@"
}

# The mirror is the one that the machine gets its own packages from: the first that has the suite.
update() {
	keys=/usr/share/keyrings/debian-archive-keyring.gpg
	# The mirror's copy of sid may be older than its Release file allows.
	options="signed-by=$keys"
	[ "$suite" != sid ] || options="$options check-valid-until=no"
	mirrors=$(apt-get -c "$work/apt.conf" update --print-uris 2>"$log" |
		sed -n "s|^'\(.*\)/dists/$own/InRelease'.*|\1|p")
	for mirror in $mirrors; do
		echo "deb [$options] $mirror $suite main" >"$work/sources.list"
		if apt -q update --error-on=any >"$log" 2>&1; then
			return 0
		fi
	done
	return 1
}

# Lists Kamailio, Prometheus and the libraries among the packages that apt would install: "package version" a line. The
# others are for maintainer scripts and for scripts that are not run here.
choose() {
	wanted=$packages
	[ "$suite" != sid ] || wanted="$wanted $sid_packages"
	# shellcheck disable=SC2086 # a list of words
	apt -s install $wanted >"$log" 2>&1 || return 1
	sed -n 's/^Inst \([^ ]*\) (\([^ ]*\) .*/\1 \2/p' "$log" |
		grep -E '^(kamailio|lib|prometheus |promtool )' | grep -v '^libpython' >"$work/chosen"
}

# Each is started by the loader of its own C library, which looks for libraries in the tree alone.
install_programs() {
	loader=$(cd "$work/tree" && ls -d lib/*/ld-linux*.so.* usr/lib/*/ld-linux*.so.* 2>/dev/null | head -n 1)
	modules=$(cd "$work/tree" && ls -d usr/lib/*/kamailio/modules)
	triplet=$(basename "$(dirname "$loader")")
	program kamailio usr/sbin/kamailio "-L \"\$tree/$modules\""
	program kamcmd usr/sbin/kamcmd
	for name in prometheus promtool; do
		[ ! -e "$work/tree/usr/bin/$name" ] || program "$name" "usr/bin/$name"
	done
}

program() {
	cat >"$work/tree/bin/$1" <<PROGRAM
#!/bin/sh
tree=\${0%/*}/..
exec "\$tree/$loader" --library-path "\$tree/lib/$triplet:\$tree/usr/lib/$triplet:\$tree/$(dirname "$modules")" \\
	"\$tree/$2" ${3:-} "\$@"
PROGRAM
	chmod 755 "$work/tree/bin/$1"
}

works() {
	"$work/tree/bin/kamailio" -v >"$log" 2>&1 && "$work/tree/bin/kamcmd" -h >"$log" 2>&1
}

main "$@"
