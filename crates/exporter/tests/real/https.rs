//! A Kamailio over HTTPS, which verifies the exporter's certificate as the exporter verifies Kamailio's.

use crate::support::web::Directory;
use crate::support::{Exporter, samples};
use testbed::Kamailio;

#[test]
fn both_sides_verify_certificates() {
    let files = Directory::new();
    files.client("client", &["exporter"]);
    let path = |name: &str| files.path(name).to_str().unwrap().to_owned();
    let kamailio = Kamailio::builder().config(&CONFIG.replace("CLIENT_CA", &path("ca.pem"))).start();
    let certificate = kamailio.certificate();
    let trust: &[&str] = &["--kamailio.tls.ca-file", certificate.to_str().unwrap()];
    let (client, key) = (path("client.pem"), path("client.key"));
    let identity: &[&str] = &["--kamailio.tls.cert-file", &client, "--kamailio.tls.key-file", &key];
    let exporter = |files: &[&[&str]]| {
        Exporter::start(
            &[&["-u", &*kamailio.https(), "-m", "core.shmmem,tm.stats"], &*files.concat()].concat(),
        )
    };

    let trusted = exporter(&[trust, identity]);
    let page = samples(&trusted.exposition());
    assert_eq!(page["kamailio_up"], 1.0, "{}", trusted.log());
    assert_eq!(page["kamailio_exporter_failed_scrapes"], 0.0, "{}", trusted.log());
    assert_eq!(page["kamailio_core_shmmem_total"], 67_108_864.0);

    for (files, reason) in [
        (&[identity][..], "is not signed by a trusted authority; set --tls.ca-file for a Pushgateway"),
        // Kamailio closes the connection, and its alert may arrive too late to be the reason.
        (&[trust], "no reply from https://"),
    ] {
        let refused = exporter(files);
        let page = samples(&refused.exposition());
        assert_eq!((page["kamailio_up"], page["kamailio_exporter_failed_scrapes"]), (0.0, 1.0), "{reason}");
        refused.wait_for_log(reason);
    }
}

const CONFIG: &str = r#"
loadmodule "xhttp.so"
loadmodule "jsonrpcs.so"
modparam("jsonrpcs", "transport", 1)
modparam("tls", "ca_list", "CLIENT_CA")
modparam("tls", "verify_certificate", 1)
modparam("tls", "require_certificate", 1)
event_route[xhttp:request] {
	jsonrpc_dispatch();
}
"#;
