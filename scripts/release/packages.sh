#!/bin/sh
# usage: packages.sh NAME
#
# Packs the directory that tarball.sh made as a deb and an rpm in dist/.
set -eu
cd "$(dirname "$0")/../.."
. scripts/release/environment.sh

main() {
	package=prometheus-kamailio-exporter
	files=target/release-files/$(directory "$1")
	maintainer=$(sed -n 's/^maintainer: //p' packaging/nfpm.yaml)
	target=$(column "$1" 2)
	# The oldest glibc: the target's suffix after the triple.
	GLIBC=${target#*.}
	export VERSION="$version" GLIBC STAGE ARCH
	for format in deb rpm; do
		STAGE=$files.$format
		stage_$format
		ARCH=$(column "$1" "$(if [ $format = deb ]; then echo 3; else echo 4; fi)")
		find "$files.$format" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
		nfpm package --config packaging/nfpm.yaml --packager $format --target "$dist/" >/dev/null
	done
}

stage_deb() {
	stage_common "$STAGE/usr/share/zsh/vendor-completions"
	{
		cat packaging/copyright
		echo
		licence Expat LICENSE-MIT
		echo
		echo "License: Apache-2.0"
		echo " On Debian systems, the text is in /usr/share/common-licenses/Apache-2.0."
	} >"$doc/copyright"
	{
		echo "$package ($version-1) unstable; urgency=medium"
		echo
		echo "  * Version $version: see changelog.gz."
		echo
		echo " -- $maintainer  $(date --rfc-email --date="@$SOURCE_DATE_EPOCH")"
	} | gzip -9n >"$doc/changelog.Debian.gz"
	gzip -9n <CHANGELOG.md >"$doc/changelog.gz"
	mkdir -p "$STAGE/usr/share/lintian/overrides"
	cp packaging/deb/lintian-overrides "$STAGE/usr/share/lintian/overrides/$package"
}

stage_rpm() {
	stage_common "$STAGE/usr/share/zsh/site-functions"
	cp LICENSE-MIT LICENSE-APACHE CHANGELOG.md "$doc"
}

# stage_common ZSH: the directory for completions of zsh.
stage_common() {
	rm -rf "$STAGE"
	doc=$STAGE/usr/share/doc/$package
	units=$STAGE/usr/lib/systemd/system
	man=$STAGE/usr/share/man/man1
	bash=$STAGE/usr/share/bash-completion/completions
	fish=$STAGE/usr/share/fish/vendor_completions.d
	mkdir -p "$STAGE/usr/bin" "$doc" "$units" "$man" "$bash" "$fish" "$1"
	cp "$files/kamailio_exporter" "$STAGE/usr/bin"
	cp "$files"/systemd/*.service "$files"/systemd/*.socket "$units"
	cp "$files"/man/* "$man"
	gzip -9n "$man"/*
	cp "$files/completions/kamailio_exporter.bash" "$bash/kamailio_exporter"
	cp "$files/completions/kamailio_exporter.fish" "$fish"
	cp "$files/completions/_kamailio_exporter" "$1"
	cp "$files/NOTICE" README.md "$doc"
	cp -r "$files/mixin" "$doc"
}

# licence NAME FILE: the text as a paragraph of a copyright file.
licence() {
	echo "License: $1"
	sed 's/^$/./; s/^/ /' "$2"
}

main "$@"
