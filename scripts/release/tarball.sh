#!/bin/sh
# usage: tarball.sh NAME PROGRAM
#
# Packs the program and what belongs to it as Prometheus packs its own exporters: dist/kamailio_exporter-VERSION.linux-NAME.tar.gz.
# documents.sh has to run first. The directory stays in target/release-files, for the packages.
set -eu
cd "$(dirname "$0")/../.."
. scripts/release/environment.sh

main() {
	top=$(directory "$1")
	files=target/release-files
	stage=$files/$top
	rm -rf "$stage"
	mkdir -p "$stage/completions" "$stage/man" "$stage/systemd"
	install -m 755 "$2" "$stage/kamailio_exporter"
	cp LICENSE-APACHE LICENSE-MIT README.md CHANGELOG.md "$stage"
	cp packaging/prometheus-kamailio-exporter.service packaging/prometheus-kamailio-exporter.socket packaging/default "$stage/systemd"
	mkdir "$stage/mixin"
	cp -r mixin/alerts.yaml mixin/rules.yaml mixin/dashboards "$stage/mixin"
	target=$(column "$1" 2)
	scripts/release/notice.py "${target%%.*}" >"$stage/NOTICE"
	cp "$files"/documents/man/* "$stage/man"
	cp "$files"/documents/completions/* "$stage/completions"
	tar --create --directory "$files" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner \
		--mode=u=rwX,go=rX "$top" | gzip -9n >"$dist/$top.tar.gz"
}

main "$@"
