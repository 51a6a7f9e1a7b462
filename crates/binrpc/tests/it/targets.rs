use kamailio_binrpc::{Family, Target};
use proptest::prelude::*;

fn canonical(uri: &str) -> String {
    let target: Target = uri.parse().unwrap_or_else(|error| panic!("{error}"));
    let canonical = target.to_string();
    assert_eq!(canonical.parse(), Ok(target), "{uri} as {canonical}");
    canonical
}

#[test]
fn all_forms_of_kamailio_are_accepted() {
    for (uri, expected) in [
        ("unix:/var/run/kamailio/kamailio_ctl", "unix:/var/run/kamailio/kamailio_ctl"),
        ("unixs:/run/k", "unix:/run/k"),
        ("unix:///run/k", "unix:/run/k"),
        ("unixs:///run/k", "unix:/run/k"),
        ("/run/k", "unix:/run/k"),
        ("unix:/run/with blank%20", "unix:/run/with blank%20"),
        ("unix:////run/k", "unix:////run/k"),
        ("//run/k", "unix:////run/k"),
        ("unixd:/run/k", "unixd:/run/k"),
        ("unixd:///run/k", "unixd:/run/k"),
        ("tcp:localhost:2049", "tcp:localhost:2049"),
        ("tcp://localhost:2049", "tcp:localhost:2049"),
        ("tcp:LocalHost:2049", "tcp:localhost:2049"),
        ("tcp:127.0.0.1:1", "tcp:127.0.0.1:1"),
        ("tcp:[::1]:2049", "tcp:[::1]:2049"),
        ("tcp://[0:0::1]:02049", "tcp:[::1]:2049"),
        ("tcp4://sip-1.example.com:2049", "tcp4:sip-1.example.com:2049"),
        ("tcp6:[::1]:2049", "tcp6:[::1]:2049"),
        ("udp:host_1:65535", "udp:host_1:65535"),
        ("udp://[fe80::1]:2049", "udp:[fe80::1]:2049"),
        ("udp4:localhost:2049", "udp4:localhost:2049"),
        ("udp6://localhost:2049", "udp6:localhost:2049"),
    ] {
        assert_eq!(canonical(uri), expected, "{uri}");
    }
    let long = format!("unix:/{}", "x".repeat(106));
    assert_eq!(canonical(&long), long);
}

#[test]
fn endpoints_have_host_port_and_family() {
    let Ok(Target::Tcp(endpoint)) = "tcp6://[0::1]:2049".parse() else { panic!("expected TCP") };
    assert_eq!((endpoint.host(), endpoint.port(), endpoint.family()), ("::1", 2049, Family::V6));
    let Ok(Target::Udp(endpoint)) = "udp:kamailio:5".parse() else { panic!("expected UDP") };
    assert_eq!((endpoint.host(), endpoint.port(), endpoint.family()), ("kamailio", 5, Family::Any));
}

#[test]
fn invalid_targets_have_human_readable_errors() {
    let port = "(Kamailio's default is 2049)";
    let brackets = "an IPv6 address must be in brackets, and nothing else may be in brackets";
    for (uri, reason) in [
        ("", "the address is empty"),
        ("unix:", "the path is missing"),
        ("unix://", "the path is missing"),
        ("unixd:", "the path is missing"),
        ("unix:run/k", "the path is not absolute"),
        ("unixd:k", "the path is not absolute"),
        ("run/k", "the socket type is missing"),
        ("localhost", "the socket type is missing"),
        ("unix://run/k/ctl", r#""run" is in the place of a host: write one slash or three before the path"#),
        ("unix:/a\0b", "the address contains a control character"),
        ("tcp:host:2049\n", "the address contains a control character"),
        (" unix:/a", "the address contains whitespace"),
        ("tcp: host:2049", "the address contains whitespace"),
        ("http://x:1", r#"unknown socket type "http""#),
        ("unixgram:/p", r#"unknown socket type "unixgram""#),
        ("fifo:/p", r#"unknown socket type "fifo""#),
        ("UNIX:/p", r#"unknown socket type "UNIX""#),
        ("localhost:2049", r#"unknown socket type "localhost""#),
        ("tcp:", "the host is missing"),
        ("tcp::2049", "the host is missing"),
        ("tcp://:2049", "the host is missing"),
        ("tcp:2049", &format!("the port is missing {port}")),
        ("tcp://host", &format!("the port is missing {port}")),
        ("tcp:host:", &format!("the port is missing {port}")),
        ("tcp:[::1]", &format!("the port is missing {port}")),
        ("tcp:host:0", &format!(r#""0" is not a port from 1 to 65535 {port}"#)),
        ("udp:host:65536", &format!(r#""65536" is not a port from 1 to 65535 {port}"#)),
        ("udp:host:+1", &format!(r#""+1" is not a port from 1 to 65535 {port}"#)),
        ("udp:host:ctl", &format!(r#""ctl" is not a port from 1 to 65535 {port}"#)),
        ("tcp:::1:2049", brackets),
        ("tcp:[::1:2049", brackets),
        ("tcp:[::1]2049", brackets),
        ("tcp:[localhost]:2049", brackets),
        ("tcp://user@host:2049", "a user is given, but BINRPC has no authentication"),
        ("tcp://host:2049/", "unexpected text after the port"),
        ("tcp://host:2049?x=1", "unexpected text after the port"),
        ("tcp:*:2049", r#"invalid host "*""#),
        ("tcp:ho/st:2049", r#"invalid host "ho/st""#),
        ("tcp4:[::1]:2049", "the IP address is of the other IP version"),
        ("udp6:127.0.0.1:2049", "the IP address is of the other IP version"),
    ] {
        let error = uri.parse::<Target>().map(|target| target.to_string()).unwrap_err().to_string();
        let expected = format!(
            "invalid Kamailio address {uri:?}: {reason}; expected unix:/path, unixd:/path, tcp:host:port or udp:host:port"
        );
        assert_eq!(error, expected);
    }
    let long = format!("unix:/{}", "x".repeat(107)).parse::<Target>().unwrap_err().to_string();
    assert!(long.contains("the path has 108 bytes, over the system's limit of 107"), "{long}");
}

proptest! {
    /// No text makes the parser panic, and the displayed form of a target parses to the same target.
    #[test]
    fn parsing_reverses_display(scheme in "(unix|unixs|unixd|tcp|tcp4|udp6|x|):?", rest in "[/:\\[\\]a-f0-9.@?* -]{0,20}") {
        if let Ok(target) = format!("{scheme}{rest}").parse::<Target>() {
            prop_assert_eq!(target.to_string().parse(), Ok(target));
        }
    }
}

#[test]
fn a_host_name_has_at_most_253_characters() {
    for (len, is_valid) in [(252, true), (253, true), (254, false)] {
        let uri = format!("tcp:{}:1", "a".repeat(len));
        assert_eq!(uri.parse::<Target>().is_ok(), is_valid, "{len}");
    }
}
