#!/bin/sh
# usage: run.sh [monitoring]
#
# Runs the exporter on a Kamailio with SIP traffic until Ctrl-C or SIGTERM, and then removes all processes and files. LISTEN
# is the listen address of the exporter. With "monitoring", a Prometheus with the rules of mixin/ scrapes the exporter and sends its alerts to an
# Alertmanager.
set -eu
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

monitoring=${1:-}
listen=${LISTEN:-:9494}
groups=
dir=

main() {
	scripts/deps.sh "${monitoring:-demo}" || echo "run: failed to install some programs; continuing without them" >&2
	cargo build --release --package kamailio_exporter

	trap clean_up EXIT
	trap 'exit 0' INT TERM
	trap 'exit 1' HUP
	dir=$(mktemp -d)
	# A loopback address of its own, so that no other server is in the way.
	address=127.$(($$ / 62500 % 200 + 20)).$(($$ / 250 % 250 + 1)).$(($$ % 250 + 1))
	if command -v kamailio >/dev/null; then
		start_kamailio
	else
		start_fake
	fi
	start_exporter
	[ -z "$monitoring" ] || start_monitoring
	show
	watch
}

# Starts Kamailio on a loopback address of its own, so that another SIP server does not conflict.
start_kamailio() {
	start kamailio demo/kamailio.sh "$dir" "$address"
	await "Kamailio" kamailio answers
	if ! command -v sipp >/dev/null; then
		echo "run: sipp is not installed, so there is no SIP traffic" >&2
		return
	fi
	traffic "callee.xml -p 25070"
	traffic "register.xml -r 2 $address:25060"
	traffic "options.xml -r 1 $address:25060"
	traffic "call.xml -s answer -r 3 -d 8000 $address:25060"
	traffic "call.xml -s dispatch -r 1 -d 3000 $address:25060"
	traffic "call.xml -s answer -t t1 -r 1 -d 5000 $address:25060"
	for user in nobody busy gone; do
		traffic "fail.xml -s $user -r 1 -rp 3000 $address:25060"
	done
}

answers() {
	[ -S "$dir/ctl" ] && timeout 5 kamcmd -s "unix:$dir/ctl" core.uptime >/dev/null 2>&1
}

# Starts sipp with a scenario of demo/. Kamailio's workers can reorder messages, so calls must tolerate that.
traffic() {
	# shellcheck disable=SC2086 # a list of words
	start sipp sipp -sf demo/$1 -i "$address" -mi "$address" -ci "$address" \
		-default_behaviors all,-abortunexp -nostdin
}

start_fake() {
	echo "run: Kamailio is not installed, and installing it failed." >&2
	echo "run: using a fake, which replays recorded replies of Kamailio 5.6.3: the values do not change" >&2
	cargo build --package fake-kamailio
	start kamailio cargo run --quiet --package fake-kamailio -- \
		--captures captures --version 5.6.3 --listen "unix:$dir/ctl"
	await "the fake Kamailio" kamailio test -S "$dir/ctl"
}

start_exporter() {
	# The URL if the exporter listens on all addresses.
	case $listen in
	:* | 0.0.0.0:* | "[::]:"*) url=http://localhost:${listen##*:} ;;
	*) url=http://$listen ;;
	esac
	spawn "${CARGO_TARGET_DIR:-target}/release/kamailio_exporter" \
		--kamailio.scrape-uri="unix:$dir/ctl" --web.listen-address="$listen"
	exporter=$!
	tries=0
	until curl -fsS -m 5 "$url/metrics" >"$dir/page" 2>/dev/null; do
		tries=$((tries + 1))
		if ! kill -0 "$exporter" 2>/dev/null || [ $tries -gt 50 ]; then
			echo "run: the exporter did not start on $listen" >&2
			exit 1
		fi
		sleep 0.1
	done
}

start_monitoring() {
	start alertmanager prometheus-alertmanager --config.file=deploy/compose/alertmanager.yml \
		--storage.path="$dir/alertmanager" --web.listen-address="$address:9093" --cluster.listen-address=
	await "Alertmanager" alertmanager responds "http://$address:9093/-/ready"
	cat >"$dir/prometheus.yml" <<-YAML
		global: {scrape_interval: 5s, evaluation_interval: 5s}
		rule_files: ["$PWD/mixin/rules.yaml", "$PWD/mixin/alerts.yaml"]
		alerting: {alertmanagers: [{static_configs: [{targets: ["$address:9093"]}]}]}
		scrape_configs: [{job_name: kamailio, static_configs: [{targets: ["${url#http://}"]}]}]
	YAML
	start prometheus prometheus --config.file="$dir/prometheus.yml" --storage.tsdb.path="$dir/prometheus" \
		--web.listen-address="$address:9090"
	await "Prometheus" prometheus responds "http://$address:9090/-/ready"
}

responds() {
	curl -fsS -m 5 "$1" >/dev/null 2>&1
}

show() {
	# Wait for some traffic, so that not all values are zero.
	pause 3
	curl -fsS -m 5 "$url/metrics" >"$dir/page" || true
	echo
	echo "A few of the $(grep -c '^kamailio_' "$dir/page") series:"
	grep -E '^kamailio_(up|core_uptime|core_shmmem_used|tm_stats_(current|total_total|codes)|sl_stats_codes_total.*"(200|404)"|dlg_stats_active_(ongoing|all)|dispatcher_list_target|dmq|stats_fetch)' \
		"$dir/page" | head -n 25 | sed 's/^/  /'
	echo
	echo "Open  $url          the exporter"
	echo "      $url/metrics  the metrics"
	if [ -n "$monitoring" ]; then
		echo "      http://$address:9090         Prometheus: the first alerts fire after two minutes"
		echo "      http://$address:9093         Alertmanager"
	fi
	echo "ctl   unix:$dir/ctl  (for kamcmd -s)"
	echo "Press Ctrl-C to stop."
}

# Waits for a signal or for the end of the exporter.
watch() {
	code=0
	wait "$exporter" || code=$?
	echo "run: the exporter has ended, with exit code $code" >&2
	exit 1
}

# start NAME COMMAND...: runs a command in the background, with its log in $dir/NAME.log.
start() {
	log=$dir/$1.log
	shift
	spawn "$@" >>"$log" 2>&1
}

# Runs a command in the background, if possible in a process group of its own, so that Ctrl-C reaches this script only.
spawn() {
	if command -v setsid >/dev/null; then
		setsid "$@" </dev/null &
	else
		"$@" </dev/null &
	fi
	groups="$groups $!"
}

# await WHAT NAME COMMAND...: waits until the command succeeds. NAME is the name of the log to print if it does not.
await() {
	what=$1
	log=$dir/$2.log
	shift 2
	tries=0
	until "$@"; do
		tries=$((tries + 1))
		if [ $tries -gt 100 ]; then
			echo "run: $what does not respond; its log:" >&2
			cat "$log" >&2
			exit 1
		fi
		sleep 0.1
	done
}

# pause SECONDS: sleeps in short steps, so that signals are handled quickly.
pause() {
	tries=0
	while [ $tries -lt $(($1 * 10)) ]; do
		tries=$((tries + 1))
		sleep 0.1
	done
}

clean_up() {
	code=$?
	trap - EXIT
	trap '' INT TERM HUP
	signal_all TERM
	{
		pause 5
		signal_all KILL
	} &
	killer=$!
	for group in $groups; do
		wait "$group" 2>/dev/null || true
	done
	kill -s KILL $killer 2>/dev/null || true
	# Processes that a program has left in its group.
	signal_all KILL
	[ -z "$dir" ] || rm -rf "$dir"
	exit $code
}

signal_all() {
	for group in $groups; do
		kill -s "$1" -- "-$group" 2>/dev/null || kill -s "$1" "$group" 2>/dev/null || true
	done
}

main
