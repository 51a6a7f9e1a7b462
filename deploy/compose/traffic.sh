#!/bin/sh
# SIP traffic for the Kamailio that has this machine's address: registrations, keepalives, calls that are answered and calls
# that fail.
set -eu
address=$(hostname -i)

main() {
	# Until Kamailio listens.
	sleep 5
	traffic "callee.xml -p 25070"
	traffic "register.xml -r 2 $address:25060"
	traffic "options.xml -r 1 $address:25060"
	traffic "call.xml -s answer -r 3 -d 8000 $address:25060"
	traffic "call.xml -s dispatch -r 1 -d 3000 $address:25060"
	for user in nobody busy gone; do
		traffic "fail.xml -s $user -r 1 -rp 3000 $address:25060"
	done
	wait
}

# One sipp, for ever. Its screen is of no use in a log.
traffic() {
	# shellcheck disable=SC2086 # a list of words
	sipp -sf demo/$1 -i "$address" -mi "$address" -ci "$address" \
		-default_behaviors all,-abortunexp -nostdin >/dev/null 2>&1 &
}

main
