//! Certificates and keys in PEM form.

use crate::{Error, files};
use std::fmt::Display;
use std::path::Path;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The limit on a file in PEM form, in bytes: several times the list of all public authorities.
pub const MAX_FILE: usize = 1 << 20;

/// Reads the certificates of a file: at least one.
///
/// # Errors
/// If the file cannot be read ([`files::read`]) or has no certificate.
pub fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    certificates(&read(path)?, &path.display())
}

/// Reads the first private key of a file.
///
/// # Errors
/// If the file cannot be read ([`files::read`]) or has no private key.
pub fn read_private_key(path: &Path) -> Result<PrivateKeyDer<'static>, Error> {
    private_key(&read(path)?, &path.display())
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    files::read(path, MAX_FILE)
        .map_err(|error| Error::new(format!("failed to read {}: {error}", path.display())))
}

pub(crate) fn certificates(pem: &[u8], source: &dyn Display) -> Result<Vec<CertificateDer<'static>>, Error> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let read = read.map_err(|error| Error::new(format!("{source} is not valid PEM: {error}")))?;
    if read.is_empty() {
        return Err(Error::new(format!("no certificate in {source}")));
    }
    Ok(read)
}

pub(crate) fn private_key(pem: &[u8], source: &dyn Display) -> Result<PrivateKeyDer<'static>, Error> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| {
        let is_encrypted = ENCRYPTED.iter().any(|mark| pem.windows(mark.len()).any(|text| text == *mark));
        Error::new(match is_encrypted {
            true => format!(
                "the private key in {source} is encrypted: write it without a passphrase (openssl pkey -in KEY -out \
                 PLAIN_KEY) to a file that only the exporter's user can read"
            ),
            false => format!("no private key in {source}: {error}"),
        })
    })
}

/// Lines that only an encrypted key has: of PKCS #8, and of the older form (RFC 1421).
const ENCRYPTED: [&[u8]; 2] = [b"-----BEGIN ENCRYPTED PRIVATE KEY-----", b"Proc-Type: 4,ENCRYPTED"];
