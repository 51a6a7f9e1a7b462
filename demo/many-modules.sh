#!/bin/sh
# usage: many-modules.sh DIR ADDRESS [option of kamailio ...]
#
# Runs the Kamailio of many-modules.cfg as kamailio.sh does. In addition to its ports: HTTP and websocket on
# ADDRESS:25062. rtpengine is expected on ADDRESS:25022, and none on :25024.
set -eu

dir=$1
address=$2
shift 2
demo=$(cd "$(dirname "$0")" && pwd)

fill() {
	sed -e "s/@ADDRESS@/$address/" -e "s/@CALLEE@/$address:25070/" -e "s/@NOBODY@/$address:25099/" "$1"
}

# One process and no waiting for the disk: this is a database for a test. The files are Debian's.
db=$dir/kamailio.db
if ! [ -e "$db" ]; then
	schema=${KAMAILIO_SHARE:-/usr/share/kamailio}/db_sqlite
	{
		echo "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; BEGIN;"
		cat "$schema/standard-create.sql"
		for tables in address acc lcr domain group permissions registrar usrloc msilo auth_db pdt dialog dispatcher \
			dialplan siptrace drouting htable carrierroute presence rls uac mtree sca imc \
			rtpengine secfilter pipelimit matrix; do
			[ ! -e "$schema/$tables-create.sql" ] || cat "$schema/$tables-create.sql"
		done
		fill "$demo/many-modules.sql"
		echo "COMMIT;"
	} | sqlite3 -bail "$db" >/dev/null
fi

# A Diameter peer that is not there.
cat >"$dir/diameter.xml" <<XML
<?xml version="1.0" encoding="UTF-8"?>
<DiameterPeer FQDN="scscf.example.com" Realm="example.com" Vendor_Id="10415" Product_Name="kamailio"
	AcceptUnknownPeers="0" DropUnknownOnDisconnect="1" Tc="30" Workers="1" QueueLength="32"
	TransactionTimeout="5" SessionsHashSize="128" DefaultAuthSessionTimeout="3600"
	MaxAuthSessionTimeout="3600">
	<Peer FQDN="$address" Realm="example.com" port="25068"/>
	<Acceptor port="25067" bind="$address"/>
	<Auth id="16777216" vendor="10415"/>
</DiameterPeer>
XML

list=$dir/list
fill "${DISPATCHER_LIST:-$demo/many-modules.list}" >"$list"

export DISPATCHER_LIST="$list" KAMAILIO_CFG="${KAMAILIO_CFG:-$demo/many-modules.cfg}"
exec "$demo/kamailio.sh" "$dir" "$address" -m 128 -M 16 \
	-A "DIR=\"$dir\"" -A "DB_URL=\"sqlite:///$db\"" -A "DB_CONNECTION=\"c1=>sqlite:///$db\"" \
	-A "DIAMETER=\"$dir/diameter.xml\"" \
	-A "JSONRPC_UNIX=\"$dir/rpc.sock\"" -A "JSONRPC_TCP=\"tcp:$address:25063\"" \
	-A "HTTP=tcp:$address:25062" -A "HTTP_SELF=\"http://$address:25062\"" -A "EVAPI=\"$address:25064\"" \
	-A "REG_CONTACT=\"$address:25060\"" \
	-A "RTPENGINE=\"1 == udp:$address:25022 udp:$address:25024=2\"" "$@"
