#!/bin/sh
# usage: mixin.sh build | check
#
# build: generates mixin/alerts.yaml, mixin/rules.yaml and mixin/dashboards/ from their sources.
# check: verifies that they are fresh, that promtool accepts the rules and passes their tests, that the dashboards are what
#        Grafana's types ask for, that every metric and label in rules, dashboards and docs exists, and that Prometheus and
#        Alertmanager accept the files of deploy/compose/.
set -eu
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

python=.run/mixin/bin/python
dir=

main() {
	trap '[ -z "$dir" ] || rm -rf "$dir"' EXIT
	trap 'exit 1' HUP INT TERM
	case ${1:-} in
	build) generate mixin ;;
	check) check ;;
	*) sed -n '2,7s/^# \{0,1\}//p' "$0" >&2 && exit 2 ;;
	esac
}

# generate DIR: everything that is generated, into DIR.
generate() {
	mkdir -p "$1/dashboards"
	$python -B mixin/grafana/build.py "$1/dashboards"
	yaml prometheusAlerts >"$1/alerts.yaml"
	yaml prometheusRules >"$1/rules.yaml"
}

yaml() {
	echo "# Generated from mixin/*.libsonnet by scripts/mixin.sh build."
	jsonnet -S -e "std.manifestYamlDoc((import 'mixin/mixin.libsonnet').$1, indent_array_in_object=true, quote_keys=false)"
}

check() {
	dir=$(mktemp -d)
	generate "$dir"
	for generated in alerts.yaml rules.yaml dashboards; do
		if ! diff -r "mixin/$generated" "$dir/$generated"; then
			echo "mixin: mixin/$generated is stale: scripts/mixin.sh build" >&2
			exit 1
		fi
	done
	jsonnetfmt --test mixin/*.libsonnet mixin/tests/*.jsonnet mixin/tests/*.libsonnet
	cp mixin/alerts.yaml mixin/rules.yaml "$dir"
	test_rules promtool
	newer=.run/kamailio/sid/bin/promtool
	if [ -x "$newer" ]; then
		test_rules "$newer"
	else
		echo "mixin: the rules are not tested with Prometheus 3: $(cat .run/kamailio/sid.unavailable 2>&1)"
	fi
	check_schema
	check_compose
	$python -B mixin/tests/docs.py
	$python -B mixin/tests/dashboards.py
	$python -B mixin/tests/names.py
}

# test_rules PROMTOOL: tests the rules. promtool resolves the paths of rule files relative to the test file.
test_rules() {
	version=$("$1" --version 2>&1 | sed -n 's/^promtool, version \([0-9.]*\).*/\1/p')
	echo "promtool $version"
	"$1" check rules mixin/alerts.yaml mixin/rules.yaml
	for table in mixin/tests/*.jsonnet; do
		jsonnet -m "$dir" --ext-code prometheus="${version%%.*}" "$table" >"$dir/tests"
		while read -r test; do
			"$1" test rules "$test"
		done <"$dir/tests"
	done
}

# An object literal is compared strictly: a member that the type does not have is an error.
check_schema() {
	for board in mixin/dashboards/*.json; do
		literal=$dir/$(basename "$board" .json).ts
		{
			cat mixin/tests/schema.ts
			printf 'export const board: Json<Dashboard> = '
			cat "$board"
		} >"$literal"
	done
	# The compiler looks for the types beside the files.
	ln -s "$PWD/.run/npm/node_modules" "$dir/node_modules"
	PATH=$PATH:$PWD/.run/node/bin .run/npm/node_modules/.bin/tsc --noEmit --strict --skipLibCheck \
		--module nodenext --moduleResolution nodenext "$dir"/*.ts
	version=$(sed -n 's/^ *"version": "\(.*\)".*/\1/p' .run/npm/node_modules/@grafana/schema/package.json)
	echo "the dashboards match the schema of Grafana $version"
}

# The rules are beside the configuration there, as they are in the container.
check_compose() {
	cp deploy/compose/prometheus.yml "$dir"
	promtool check config "$dir/prometheus.yml"
	amtool check-config deploy/compose/alertmanager.yml
}

main "$@"
