#!/bin/sh
# usage: documents.sh PROGRAM
#
# Writes the manual pages and shell completions, which the program prints, to target/release-files/documents.
set -eu
cd "$(dirname "$0")/../.."

program=$1
documents=target/release-files/documents
rm -rf "$documents"
mkdir -p "$documents/man" "$documents/completions"
"$program" man >"$documents/man/kamailio_exporter.1"
for command in once push check call healthcheck; do
	"$program" man "$command" >"$documents/man/kamailio_exporter-$command.1"
done
"$program" completions bash >"$documents/completions/kamailio_exporter.bash"
"$program" completions fish >"$documents/completions/kamailio_exporter.fish"
"$program" completions zsh >"$documents/completions/_kamailio_exporter"
