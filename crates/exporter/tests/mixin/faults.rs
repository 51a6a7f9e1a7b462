use crate::lab::{Alerts, Lab, alerts, hasten};
use crate::sender::{Sender, request};
use crate::support::eventually;
use std::net::Ipv4Addr;
use testbed::Kamailio;

/// Returns the alerts of the deliberate faults in demo/many-modules.cfg: a destination, a node of the message queue and an
/// rtpengine that do not exist.
fn standing() -> Alerts {
    alerts(&[
        "KamailioDispatcherTargetDown duid=gw2 setid=1 uri=sip:IP:25099",
        "KamailioDMQNodeDown host=IP port=25099 proto=*",
        "KamailioRtpengineNodeDown index=1 set=1 url=udp:IP:25024",
    ])
}

fn and(more: &[&str]) -> Alerts {
    standing().into_iter().chain(alerts(more)).collect()
}

#[test]
fn each_fault_fires_its_alerts_and_no_others() {
    let builder = Kamailio::builder().many_modules();
    // Kamailio blocks an address at 60 requests per second and refuses a second contact.
    let builder = builder.config("modparam(\"pike\", \"reqs_density_per_unit\", 600)");
    let builder = builder.config("modparam(\"registrar\", \"max_contacts\", 1)");
    let mut lab = Lab::start(builder.start());
    let ip = lab.kamailio.ip();
    let media_proxy = format!("udp:{ip}:25022");
    let traffic = lab.kamailio.background_traffic();
    lab.settle(&standing());

    // Unknown users register, and a media relay stops.
    let malformed = Sender::start(STRANGER, ip, 20, |n| request("NONSENSE", "x", n, "Contact: <<>\r\n"));
    let flood = Sender::start(FLOODER, ip, 200, |n| request("OPTIONS", "x", n, ""));
    let second_contact = Sender::start(CLIENT, ip, 5, |n| {
        request(
            "REGISTER",
            "many",
            n,
            &format!("Contact: <sip:many@127.0.0.1:{}>\r\nExpires: 60\r\n", 1000 + n),
        )
    });
    lab.kamailio.stop_media_proxy();
    let _ = lab.kamailio.kamcmd(&["rtpengine.ping", &media_proxy]);
    lab.see(
        &and(&[
            "KamailioMalformedTraffic",
            "KamailioFlood",
            "KamailioRegistrationsRejected",
            // The registrar refuses with 503.
            "KamailioServerErrorRatioHigh class=5xx",
            "KamailioRtpengineNodeDown index=0 set=1 url=udp:IP:25022",
            "KamailioRtpengineSetDown set=1",
        ]),
        &Alerts::new(),
    );
    drop((malformed, flood, second_contact));
    lab.kamailio.start_media_proxy();
    // The first response after a failure is the error of the socket.
    eventually(|| match lab.kamailio.kamcmd(&["rtpengine.enable", &media_proxy, "1"]) {
        reply if reply.contains("status: enable") => Ok(()),
        reply => Err(reply),
    });
    lab.settle(&standing());

    // Every destination stops while calls arrive.
    lab.kamailio.stop_callee();
    let calls =
        Sender::start(CLIENT, ip, 5, |n| request("INVITE", "answer", n, "Contact: <sip:a@127.0.0.1:9>\r\n"));
    lab.see(
        &and(&[
            "KamailioDispatcherTargetDown setid=0 uri=sip:IP:25070",
            "KamailioDispatcherTargetDown duid=gw1 setid=1 uri=sip:IP:25070",
            "KamailioDispatcherTargetDown setid=2 uri=sip:IP:25070;transport=udp",
            // Kamailio marks only one of two destinations that have the same URI.
            "KamailioDispatcherTargetDown duid=b setid=7 uri=sip:IP:25070",
            "KamailioDispatcherSetDown setid=0",
            "KamailioDispatcherSetDown setid=1",
            "KamailioDispatcherSetDown setid=2",
            "KamailioCallsNotAnswered",
        ]),
        // Kamailio answers 408 to calls that time out, and 5xx itself once it blocks the address.
        &alerts(&["KamailioServerErrorRatioHigh class=5xx"]),
    );
    drop((calls, traffic));
    lab.kamailio.callee();
    // Kamailio answers probes at once, but blocks the address for a minute; the runbook has this command. The callers hang
    // up and call again: sipp waits for its old calls for ever.
    let _ = lab.kamailio.kamcmd(&["dst_blocklist.delete_all"]);
    let traffic = lab.kamailio.background_traffic();
    lab.settle(&standing());

    // Kamailio is killed. Its other metrics are gone, and so are the alerts on them.
    lab.kamailio.kill();
    lab.see(&alerts(&["KamailioDown"]), &standing());
    lab.settle(&alerts(&["KamailioDown"]));
    lab.kamailio.restart();
    // The location table was only in memory.
    lab.see(&and(&["KamailioRestarted"]), &alerts(&["KamailioDown", "KamailioRegistrationsDropped"]));
    lab.settle(&standing());
    drop(traffic);
}

#[test]
fn a_small_shared_memory_is_low() {
    let builder = Kamailio::builder().without("dmq").without("dispatcher").memory(16);
    let lab = Lab::start(builder.start());
    lab.settle(&Alerts::new());
    let low = |part: u64| {
        let reply = lab.kamailio.kamcmd(&["core.shmmem"]);
        let field = |name: &str| {
            let value = reply.lines().find_map(|line| line.trim().strip_prefix(name));
            value.unwrap_or_else(|| panic!("{name} is not in {reply}")).parse::<u64>().unwrap()
        };
        field("free: ") * part < field("total: ")
    };
    let mut items = Vec::new();
    while !low(14) {
        items.push(format!("item{}", items.len()));
        let reply =
            lab.kamailio.kamcmd(&["htable.sets", "calls", &items[items.len() - 1], &"x".repeat(30_000)]);
        assert!(!reply.starts_with("error"), "{reply}");
    }
    lab.see(&alerts(&["KamailioSharedMemoryLow"]), &Alerts::new());
    for item in &items {
        let _ = lab.kamailio.kamcmd(&["htable.delete", "calls", item]);
    }
    lab.settle(&Alerts::new());
}

#[test]
fn durations_are_divided() {
    let rules = "expr: \"rate(x{code=~\"[3-6]xx\"}[5m]) / (y offset 1w)\"\nfor: \"1h\"\n";
    let fast = "expr: \"rate(x{code=~\"[3-6]xx\"}[5000ms]) / (y offset 10080000ms)\"\nfor: \"60000ms\"\n";
    assert_eq!(hasten(rules), fast);
}

const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const FLOODER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);
const CLIENT: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 4);
