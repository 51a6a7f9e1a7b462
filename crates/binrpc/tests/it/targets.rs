use kamailio_binrpc::{Family, Target};
use proptest::prelude::*;

fn canonical(uri: &str) -> String {
    let target: Target = uri.parse().unwrap_or_else(|error| panic!("{error}"));
    let canonical = target.to_string();
    assert_eq!(canonical.parse(), Ok(target), "{uri} as {canonical}");
    canonical
}

#[test]
fn every_form_that_kamailio_writes_is_accepted() {
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
fn endpoints_say_host_port_and_family() {
    let Ok(Target::Tcp(endpoint)) = "tcp6://[0::1]:2049".parse() else { panic!("it is TCP") };
    assert_eq!((endpoint.host(), endpoint.port(), endpoint.family()), ("::1", 2049, Family::V6));
    let Ok(Target::Udp(endpoint)) = "udp:kamailio:5".parse() else { panic!("it is UDP") };
    assert_eq!((endpoint.host(), endpoint.port(), endpoint.family()), ("kamailio", 5, Family::Any));
}

#[test]
fn what_cannot_work_is_a_sentence() {
    let port = "(ctl's own default is 2049)";
    for (uri, reason) in [
        ("", "it is empty".to_owned()),
        ("unix:", "it has no path".to_owned()),
        ("unix://", "it has no path".to_owned()),
        ("unixd:", "it has no path".to_owned()),
        ("unix:run/k", "its path does not begin with a slash".to_owned()),
        ("unixd:k", "its path does not begin with a slash".to_owned()),
        ("run/k", "it does not say which kind of socket it is".to_owned()),
        ("localhost", "it does not say which kind of socket it is".to_owned()),
        (
            "unix://run/k/ctl",
            r#""run" stands where a host would, after two slashes; a path has one or three"#.to_owned(),
        ),
        ("unix:/a\0b", "it has a control character in it".to_owned()),
        ("tcp:host:2049\n", "it has a control character in it".to_owned()),
        (" unix:/a", "it has a blank where none can be".to_owned()),
        ("tcp: host:2049", "it has a blank where none can be".to_owned()),
        ("http://x:1", r#""http" is not a kind of control socket"#.to_owned()),
        ("unixgram:/p", r#""unixgram" is not a kind of control socket"#.to_owned()),
        ("fifo:/p", r#""fifo" is not a kind of control socket"#.to_owned()),
        ("UNIX:/p", r#""UNIX" is not a kind of control socket"#.to_owned()),
        ("localhost:2049", r#""localhost" is not a kind of control socket"#.to_owned()),
        ("tcp:", "it has no host".to_owned()),
        ("tcp::2049", "it has no host".to_owned()),
        ("tcp://:2049", "it has no host".to_owned()),
        ("tcp:2049", format!("it has no port {port}")),
        ("tcp://host", format!("it has no port {port}")),
        ("tcp:host:", format!("it has no port {port}")),
        ("tcp:[::1]", format!("it has no port {port}")),
        ("tcp:host:0", format!(r#""0" is not a port from 1 to 65535 {port}"#)),
        ("udp:host:65536", format!(r#""65536" is not a port from 1 to 65535 {port}"#)),
        ("udp:host:+1", format!(r#""+1" is not a port from 1 to 65535 {port}"#)),
        ("udp:host:ctl", format!(r#""ctl" is not a port from 1 to 65535 {port}"#)),
        ("tcp:::1:2049", "an IPv6 address, and nothing else, has to be in brackets".to_owned()),
        ("tcp:[::1:2049", "an IPv6 address, and nothing else, has to be in brackets".to_owned()),
        ("tcp:[::1]2049", "an IPv6 address, and nothing else, has to be in brackets".to_owned()),
        ("tcp:[localhost]:2049", "an IPv6 address, and nothing else, has to be in brackets".to_owned()),
        ("tcp://user@host:2049", "it has a user, and BINRPC knows none".to_owned()),
        ("tcp://host:2049/", "it has something after the port".to_owned()),
        ("tcp://host:2049?x=1", "it has something after the port".to_owned()),
        ("tcp:*:2049", r#""*" is not a host"#.to_owned()),
        ("tcp:ho/st:2049", r#""ho/st" is not a host"#.to_owned()),
        ("tcp4:[::1]:2049", "its address is of the other IP version".to_owned()),
        ("udp6:127.0.0.1:2049", "its address is of the other IP version".to_owned()),
    ] {
        let error = uri.parse::<Target>().map(|target| target.to_string()).unwrap_err().to_string();
        let expected = format!(
            "{uri:?} cannot be a control socket: {reason} (accepted: unix:/path, unixd:/path, tcp:host:port, udp:host:port)"
        );
        assert_eq!(error, expected);
    }
    let long = format!("unix:/{}", "x".repeat(107)).parse::<Target>().unwrap_err().to_string();
    assert!(long.contains("its path has 108 bytes, over the system's limit of 107"), "{long}");
}

proptest! {
    /// Text never makes the parser panic, and what it accepts it accepts again as it displays it.
    #[test]
    fn displayed_it_parses_to_the_same(scheme in "(unix|unixs|unixd|tcp|tcp4|udp6|x|):?", rest in "[/:\\[\\]a-f0-9.@?* -]{0,20}") {
        if let Ok(target) = format!("{scheme}{rest}").parse::<Target>() {
            prop_assert_eq!(target.to_string().parse(), Ok(target));
        }
    }
}
