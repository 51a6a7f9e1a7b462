use crate::support::{Exporter, samples};
use fake_kamailio::Fake;
use std::fs;

#[test]
fn a_certificate_has_its_expiry_and_a_missing_file_fails_its_collector() {
    let (fake, directory) = (Fake::start(), tempfile::tempdir().unwrap());
    let path = directory.path().join("kamailio.pem");
    let file = path.to_str().unwrap();
    let exporter = Exporter::start(&["-u", &fake.unix(), "--kamailio.tls-certificates", file]);
    let success = "kamailio_scrape_collector_success{collector=\"tls.certificates\"}";
    assert_eq!(samples(&exporter.exposition())[success], 0.0);
    exporter.wait_for_log("kamailio.pem: No such file");
    let certificate = rcgen::generate_simple_self_signed(["sip.example.org".to_owned()]).unwrap();
    fs::write(&path, certificate.cert.pem()).unwrap();
    let page = exporter.exposition();
    assert_eq!(samples(&page)[success], 1.0);
    assert!(
        page.contains(&format!("kamailio_tls_certificate_not_after_timestamp_seconds{{file=\"{file}\"")),
        "{page}"
    );
}
