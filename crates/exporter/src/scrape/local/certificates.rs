//! Kamailio's TLS certificates, in files that the operator names: no RPC method reports their expiry.

use crate::collectors::catalogue::catalogue;
use crate::collectors::certificates::NOT_AFTER;
use exporter_toolkit::pem;
use prometheus_exposition::{Number, Samples};
use std::collections::HashMap;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

/// Reads certificate files again when they have changed.
#[derive(Default)]
pub(super) struct Certificates {
    known: HashMap<PathBuf, KnownFile>,
}

struct KnownFile {
    version: Version,
    content: Result<Vec<Expiry>, String>,
}

/// The properties of a file that change with its content: device, inode, size, time of the last change.
type Version = (u64, u64, u64, i64, i64);

/// The end of a certificate's validity.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Expiry {
    subject: String,
    not_after: u64,
}

impl Certificates {
    /// Adds the samples of all certificates of these files. A file that cannot be read leaves the others alone.
    ///
    /// # Errors
    /// A human-readable message about the first file that cannot be read.
    pub(super) fn read(&mut self, files: &[PathBuf], samples: &mut Samples) -> Result<(), String> {
        let mut result = Ok(());
        for file in files {
            match self.file(file) {
                Ok(certificates) => {
                    for Expiry { subject, not_after } in certificates {
                        let file = file.to_string_lossy();
                        let labels = samples.labels([("file", &*file), ("subject", subject)]);
                        samples.push(catalogue().id(&NOT_AFTER.family), labels, Number::Unsigned(*not_after));
                    }
                }
                Err(error) => result = result.and(Err(error.clone())),
            }
        }
        result
    }

    fn file(&mut self, path: &Path) -> &Result<Vec<Expiry>, String> {
        let version = fs::metadata(path).map(|file| version(&file)).unwrap_or_default();
        let is_known = self
            .known
            .get(path)
            .is_some_and(|known| known.version == version && version != Version::default());
        if !is_known {
            let content = expiries(path);
            self.known.insert(path.to_owned(), KnownFile { version, content });
        }
        &self.known[path].content
    }
}

fn version(file: &Metadata) -> Version {
    (file.dev(), file.ino(), file.size(), file.ctime(), file.ctime_nsec())
}

fn expiries(path: &Path) -> Result<Vec<Expiry>, String> {
    let certificates = pem::read_certificates(path).map_err(|error| error.to_string())?;
    let expiry = |der: &[u8]| {
        let certificate = Certificate::from_der(der)
            .map_err(|error| format!("invalid certificate in {}: {error}", path.display()))?;
        let certificate = certificate.tbs_certificate();
        let subject = certificate.subject().to_string().chars().take(MAX_SUBJECT).collect();
        let not_after = certificate.validity().not_after.to_unix_duration().as_secs();
        Ok(Expiry { subject, not_after })
    };
    certificates.iter().take(MAX_CERTIFICATES).map(|der| expiry(der)).collect()
}

/// Certificates of a file: a chain has two to four. With a bundle of authorities, the rest is left out.
const MAX_CERTIFICATES: usize = 20;
/// Characters of a subject in a label.
const MAX_SUBJECT: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};

    fn certificate(name: &str, year: i32) -> String {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_after = date_time_ymd(year, 3, 1);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().pem()
    }

    fn read(certificates: &mut Certificates, files: &[PathBuf]) -> (Result<(), String>, String) {
        let mut samples = Samples::new(usize::MAX);
        let result = certificates.read(files, &mut samples);
        let text = prometheus_exposition::Format::TEXT.write(catalogue().families(), &[&samples]);
        (result, String::from_utf8(text).unwrap())
    }

    #[test]
    fn each_certificate_of_a_file_has_its_expiry_until_the_file_changes() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str| directory.path().join(name);
        fs::write(
            file("chain.pem"),
            certificate("sip.example.org", 2031) + &certificate("An Authority", 2040),
        )
        .unwrap();
        let files = [file("missing.pem"), file("chain.pem")];
        let mut certificates = Certificates::default();
        let (result, text) = read(&mut certificates, &files);
        assert!(result.unwrap_err().contains("missing.pem: No such file"));
        for (name, seconds) in [("sip.example.org", 1_930_089_600u64), ("An Authority", 2_214_172_800)] {
            let end = format!("chain.pem\",subject=\"CN={name}\"}} {seconds}\n");
            assert!(text.contains(&end), "{end}: {text}");
        }
        fs::write(file("chain.pem"), certificate("sip.example.org", 2033)).unwrap();
        fs::write(file("missing.pem"), "no certificate").unwrap();
        let (result, text) = read(&mut certificates, &files);
        assert!(result.unwrap_err().contains("no certificate in"));
        assert!(
            text.contains("subject=\"CN=sip.example.org\"} 1993248000\n") && !text.contains("Authority"),
            "{text}"
        );
        fs::write(file("missing.pem"), certificate("other", 2034)).unwrap();
        assert_eq!(read(&mut certificates, &files).0, Ok(()));
    }

    #[test]
    fn a_file_is_read_again_only_if_it_changed() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("a.pem");
        fs::write(&file, certificate("sip.example.org", 2031)).unwrap();
        let mut certificates = Certificates::default();
        assert_eq!(certificates.file(&file).as_ref().unwrap().len(), 1);
        certificates.known.get_mut(&file).unwrap().content = Ok(Vec::new());
        assert_eq!(certificates.file(&file).as_ref().unwrap().len(), 0, "it was read again");
        fs::write(&file, certificate("sip.example.org", 2031) + &certificate("An Authority", 2040)).unwrap();
        assert_eq!(certificates.file(&file).as_ref().unwrap().len(), 2);
    }
}
