# shellcheck shell=sh disable=SC2034 # sourced by the other scripts
# Variables and functions of the release scripts, which run in the directory of the repository.

version=$(cat VERSION)
dist=${DIST:-dist}
# Times in all files: the commit's, so that two builds of it are equal.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
export LC_ALL=C TZ=UTC
umask 022
# The programs that tools.sh installs.
tools=$PWD/.run/release-tools
PATH=$tools/bin:$PWD/.run/cargo/bin:$PATH
export PATH

names() {
	sed -n 's/^\([a-z0-9-]*\) .*/\1/p' packaging/targets
}

# column NAME NUMBER: prints a column of a target's line.
column() {
	awk -v name="$1" -v number="$2" '$1 == name { print $number }' packaging/targets
}

# The name of the machine's own target.
own_name() {
	case $(uname -m) in
	x86_64) echo amd64 ;;
	aarch64) echo arm64 ;;
	armv7l) echo armv7 ;;
	i?86) echo 386 ;;
	*) uname -m ;;
	esac
}

# The directory of a target's files, which is the top of its tarball.
directory() {
	echo "kamailio_exporter-$version.linux-$1"
}
