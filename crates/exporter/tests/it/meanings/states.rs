use crate::replay::*;
use fake_kamailio::Fake;
use kamailio_binrpc::Arg;
use kamailio_binrpc::wire::Kind;

#[test]
fn states_are_read_from_flags_and_words() {
    for (version, method, series, value) in [
        (
            "5.6.3",
            "keepalive.list",
            "kamailio_keepalive_destination_up{owner=\"_params\",uri=\"sip:127.0.0.1:5195\"}",
            1.0,
        ),
        (
            "5.6.3",
            "keepalive.list",
            "kamailio_keepalive_destination_up{owner=\"_params\",uri=\"sip:127.0.0.1:5999\"}",
            0.0,
        ),
        (
            "6.2-dev",
            "keepalive.list",
            "kamailio_keepalive_destination_state{owner=\"_params\",state=\"down\",uri=\"sip:127.0.0.1:5999\"}",
            1.0,
        ),
        (
            "6.2-dev",
            "keepalive.list",
            "kamailio_keepalive_destination_state{owner=\"_params\",state=\"unknown\",uri=\"sip:127.0.0.1:5999\"}",
            0.0,
        ),
        (
            "5.6.3",
            "uac.reg_dump",
            "kamailio_uac_registration_up{domain=\"127.0.0.1\",username=\"alice\",uuid=\"u1\"}",
            1.0,
        ),
        (
            "5.6.3",
            "uac.reg_dump",
            "kamailio_uac_registration_up{domain=\"127.0.0.1\",username=\"bob\",uuid=\"u2\"}",
            0.0,
        ),
        (
            "6.2-dev",
            "uac.reg_dump",
            "kamailio_uac_registration_ongoing{domain=\"127.0.0.1\",username=\"bob\",uuid=\"u2\"}",
            1.0,
        ),
        (
            "6.2-dev",
            "uac.reg_dump",
            "kamailio_uac_registration_disabled{domain=\"127.0.0.1\",username=\"bob\",uuid=\"u2\"}",
            0.0,
        ),
        (
            "5.6.3",
            "rtpproxy.list",
            "kamailio_rtpproxy_node_up{index=\"0\",set=\"1\",url=\"udp:127.0.0.1:22322\"}",
            1.0,
        ),
        (
            "6.2-dev",
            "rtpproxy.list",
            "kamailio_rtpproxy_node_up{index=\"1\",set=\"1\",url=\"udp:127.0.0.1:22323\"}",
            0.0,
        ),
        ("5.6.3", "cdp.list_peers", "kamailio_cdp_peer_up{fqdn=\"hss.localhost\"}", 0.0),
        ("6.2-dev", "cdp.list_peers", "kamailio_cdp_peer_disabled{fqdn=\"ocs.localhost\"}", 0.0),
        ("5.6.3", "lcr.dump_gws", "kamailio_lcr_gateway_up{gw_id=\"2\",gw_name=\"gw2\",lcr_id=\"1\"}", 1.0),
        (
            "6.2-dev",
            "dbcl.list_connections",
            "kamailio_db_cluster_connection_up{cluster=\"k1\",connection=\"c1\"}",
            1.0,
        ),
        ("5.6.3", "siptrace.status", "kamailio_siptrace_enabled", 1.0),
        ("6.2-dev", "sipcapture.status", "kamailio_sipcapture_enabled", 1.0),
    ] {
        expect(&page(version, method, &[], &[]), series, value);
    }
    for version in VERSIONS {
        let page = page(version, "auto,-stats,-custom", &[], &[]);
        for port in ["5160", "5260"] {
            expect(
                &page,
                &format!("kamailio_dmq_node_up{{host=\"127.0.0.1\",port=\"{port}\",proto=\"*\"}}"),
                1.0,
            );
        }
    }
}

#[test]
fn rtpengine_means_the_same_in_all_versions() {
    let states = |version, capture| {
        let page = page(version, "rtpengine.show", &[capture], &[]);
        let of = |name: &str, node: &str, index: &str| {
            let labels = [
                ("index", index.to_owned()),
                ("set", "1".to_owned()),
                ("url", format!("udp:127.0.0.1:{node}")),
            ];
            page[&series(&format!("kamailio_rtpengine_node_{name}"), &labels)]
        };
        [("22222", "0"), ("22223", "1")]
            .map(|(node, index)| (of("up", node, index), of("disabled", node, index)))
    };
    for version in VERSIONS {
        assert_eq!(states(version, "rtpengine.show_all"), [(1.0, 0.0), (0.0, 0.0)], "{version}");
        let switched_off = states(version, "rtpengine.show_all.permanently_disabled");
        assert_eq!(switched_off, [(1.0, 0.0), (0.0, 1.0)], "{version}");
    }
}

#[test]
fn connections_are_counted_by_kind() {
    for version in VERSIONS {
        let tcp = page(version, "core.tcp_list", &[], &[]);
        for kind in ["TCP", "TLS", "WS"] {
            let series = format!("kamailio_tcp_connections_by_state{{state=\"CONN_OK\",type=\"{kind}\"}}");
            expect(&tcp, &series, 1.0);
        }
        let series = "kamailio_tls_connections_by_cipher{cipher=\"TLS_AES_256_GCM_SHA384\",state=\"established\",\
                      version=\"TLSv1.3\"}";
        expect(&page(version, "tls.list", &[], &[]), series, 1.0);
    }
}

#[test]
fn changes_of_the_configuration_are_seen() {
    for (reply, expected) in [("Identical hash", 1.0), ("Different hash", 0.0)] {
        let fake = Fake::start();
        fake.answer("cfgutils.check_config_hash", Kind::Reply, &body(&[reply.into()]));
        fake.answer("core.modules", Kind::Reply, &body(&["kex".into(), "tm".into(), "my_module".into()]));
        // A server that does not list its methods has no preferred call either.
        let socket = [
            (Some("proto"), "tls".into()),
            (Some("address"), "10.1.1.1".into()),
            (Some("port"), "5061".into()),
        ];
        let sockets = [(Some("socket"), Arg::Struct(&socket))];
        fake.answer("core.sockets_list", Kind::Reply, &body(&[Arg::Struct(&sockets)]));
        fake.answer("system.listMethods", Kind::Fault, &body(&[Arg::Int(500), "none".into()]));
        let page = served(&fake, "cfgutils.check_config_hash,core.modules,core.sockets_list", &[]);
        expect(&page, "kamailio_config_unchanged", expected);
        expect(&page, "kamailio_modules", 3.0);
        expect(&page, "kamailio_socket_info{address=\"10.1.1.1\",port=\"5061\",proto=\"tls\"}", 1.0);
    }
}

/// Replies that were not captured, or not in this state, with the shapes of Kamailio's source.
#[test]
fn states_missing_in_the_captures_are_read() {
    let fake = Fake::start();
    fake.answer("system.listMethods", Kind::Fault, &body(&[Arg::Int(500), "none".into()]));
    let answer = |method: &str, members: &[(Option<&str>, Arg<'_>)]| {
        fake.answer(method, Kind::Reply, &body(&[Arg::Struct(members)]));
    };
    let connections = ["opened_connections", "tracked_connections", "total_connections"];
    answer("sctp.info", &connections.map(|name| (Some(name), Arg::Int(name.len() as i64))));
    answer("pdb.status", &[(Some("active"), Arg::Int(1)), (Some("status"), "active".into())]);
    let table = ["real_buckets", "proxy_buckets", "real_items", "proxy_items"];
    answer("udp.proxy.stats", &table.map(|name| (Some(name), Arg::Int(name.len() as i64))));
    let stats = [(Some("Records"), Arg::Int(7)), (Some("Max-Slots"), Arg::Int(2))];
    let domain = [
        (Some("Domain"), "location".into()),
        (Some("Size"), Arg::Int(512)),
        (Some("Stats"), Arg::Struct(&stats)),
    ];
    answer("ulscscf.status", &domain);
    let peer = |state: &'static str, disabled: &'static str, last_used| {
        let last_used = Arg::Double(last_used);
        [(Some("State"), state.into()), (Some("Disabled"), disabled.into()), (Some("Last used"), last_used)]
    };
    let (open, closing) = (peer("I_Open", "False", 1_795_354_968.0), peer("Closing", "True", 0.0));
    let peers = [
        (Some("FQDN"), "hss".into()),
        (Some("Details"), Arg::Struct(&open)),
        (Some("FQDN"), "ocs".into()),
        (Some("Details"), Arg::Struct(&closing)),
    ];
    let counts = ["Peer count", "Workers", "Queue length"].map(|name| (Some(name), Arg::Int(2)));
    answer("cdp.list_peers", &[&counts[..], &[(Some("Peers"), Arg::Struct(&peers))]].concat());
    let gateway = |id, state, until: &'static str| {
        let lcr_id = (Some("lcr_id"), Arg::Int(1));
        [
            lcr_id,
            (Some("gw_id"), Arg::Int(id)),
            (Some("state"), Arg::Int(state)),
            (Some("defunct_until"), until.into()),
        ]
    };
    let gateways = [gateway(1, 2, "0"), gateway(2, 3, "4294967295")];
    let gateways = [0, 1].map(|place| (None, Arg::Struct(&gateways[place])));
    answer("lcr.dump_gws", &[(Some("gw"), Arg::Struct(&gateways))]);
    let old = [(Some("terminted"), Arg::Int(3))];
    answer("dlgs.stats", &[(Some("final"), Arg::Struct(&old)), (Some("active"), Arg::Struct(&old))]);
    let info = [(Some("wscounter"), Arg::Int(50)), (Some("truncated"), "yes".into())];
    answer("ws.dump", &[(Some("info"), Arg::Struct(&info))]);
    let methods =
        "sctp.info,pdb.status,udp.proxy.stats,ulscscf.status,cdp.list_peers,lcr.dump_gws,dlgs.stats,ws.dump";
    let page = served(&fake, methods, &[]);
    for (series, value) in [
        ("sctp_opened_connections", 18.0),
        ("sctp_tracked_connections", 19.0),
        ("sctp_connections", 17.0),
        ("pdb_active", 1.0),
        ("udp_proxy_used_buckets{table=\"real\"}", 12.0),
        ("udp_proxy_used_buckets{table=\"proxy\"}", 13.0),
        ("udp_proxy_flows", 10.0),
        ("ulscscf_slots{domain=\"location\"}", 512.0),
        ("ulscscf_records{domain=\"location\"}", 7.0),
        ("ulscscf_slot_records_max{domain=\"location\"}", 2.0),
        ("cdp_peer_up{fqdn=\"hss\"}", 1.0),
        ("cdp_peer_up{fqdn=\"ocs\"}", 0.0),
        ("cdp_peer_disabled{fqdn=\"hss\"}", 0.0),
        ("cdp_peer_disabled{fqdn=\"ocs\"}", 1.0),
        ("cdp_peer_last_used_timestamp_seconds{fqdn=\"hss\"}", 1_795_354_968.0),
        ("lcr_gateway_up{gw_id=\"1\",lcr_id=\"1\"}", 0.0),
        ("lcr_gateway_up{gw_id=\"2\",lcr_id=\"1\"}", 1.0),
        ("lcr_gateway_defunct_until_timestamp_seconds{gw_id=\"2\",lcr_id=\"1\"}", 4_294_967_295.0),
        ("dlgs_dialogs{state=\"terminated\"}", 3.0),
        ("dlgs_removed_dialogs_total{state=\"terminated\"}", 3.0),
    ] {
        expect(&page, &format!("kamailio_{series}"), value);
    }
    for series in [
        "cdp_peer_last_used_timestamp_seconds{fqdn=\"ocs\"}",
        "lcr_gateway_defunct_until_timestamp_seconds{gw_id=\"1\",lcr_id=\"1\"}",
        "websocket_listed_connections",
    ] {
        assert!(!page.contains_key(&format!("kamailio_{series}")), "{series}");
    }
}
