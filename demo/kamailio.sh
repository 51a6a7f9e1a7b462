#!/bin/sh
# usage: kamailio.sh DIR ADDRESS [option of kamailio ...]
#
# Runs the demo Kamailio in the foreground, on the loopback ADDRESS (127.x.y.z) with its files in DIR, both
# its own alone. KAMAILIO_CFG names another configuration than kamailio.cfg, DISPATCHER_LIST another list.
#
# SIP: ADDRESS:25060 (UDP, TCP) and :25061 (TLS, if the module is installed). Calls go to ADDRESS:25070.
# ctl: unix:DIR/ctl, unixd:DIR/ctld, tcp:ADDRESS:25049, udp:ADDRESS:25049.
# JSONRPC_UDP, ADDRESS:25063, is for a configuration that loads jsonrpcs.
set -eu

dir=$1
address=$2
shift 2
demo=$(cd "$(dirname "$0")" && pwd)
# Debian's daemons are in /usr/sbin, which is not on the PATH of every user.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

callee=$address:25070
nobody=$address:25099
sed -e "s/@CALLEE@/$callee/" -e "s/@NOBODY@/$nobody/" "${DISPATCHER_LIST:-$demo/dispatcher.list}" >"$dir/dispatcher.list"

# The compiled-in module directory is printed by "kamailio -h", after "-L".
modules=$(kamailio -h 2>&1 | sed -n 's/.*Modules search path (default: \(.*\))/\1/p')
if [ -e "${modules%%:*}/tls.so" ] && command -v openssl >/dev/null; then
	if ! [ -e "$dir/tls.crt" ]; then
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
			-subj /CN=localhost -addext "subjectAltName=DNS:localhost,IP:$address" \
			-keyout "$dir/tls.key" -out "$dir/tls.crt" 2>/dev/null
	fi
	set -- -A WITH_TLS "$@"
fi

exec kamailio -f "${KAMAILIO_CFG:-$demo/kamailio.cfg}" -DD -E -m 64 -M 8 -Y "$dir" -w "$dir" \
	-A "SIP_UDP=udp:$address:25060" -A "SIP_TCP=tcp:$address:25060" -A "SIP_TLS=tls:$address:25061" \
	-A "CTL_UNIX=\"unix:$dir/ctl\"" -A "CTL_UNIXD=\"unixd:$dir/ctld\"" \
	-A "CTL_TCP=\"tcp:$address:25049\"" -A "CTL_UDP=\"udp:$address:25049\"" \
	-A "JSONRPC_UDP=\"udp:$address:25063\"" \
	-A "DISPATCHER_LIST=\"$dir/dispatcher.list\"" \
	-A "DMQ_SELF=\"sip:$address:25060\"" -A "DMQ_PEER=\"sip:$nobody\"" \
	-A "CALLEE=\"sip:$callee\"" -A "NOBODY=\"sip:$nobody\"" \
	-A "TLS_CERTIFICATE=\"$dir/tls.crt\"" -A "TLS_KEY=\"$dir/tls.key\"" "$@"
