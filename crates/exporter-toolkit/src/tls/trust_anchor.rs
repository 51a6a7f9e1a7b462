//! Trust anchors that are also the certificate of a client or a server, such as those that `openssl req -x509` makes. Go
//! accepts them; webpki does not accept an authority as an end entity.

use std::time::Duration;
use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};
use tokio_rustls::rustls::{CertificateError, Error};
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::oid::db::rfc5280::{ANY_EXTENDED_KEY_USAGE, ID_KP_CLIENT_AUTH, ID_KP_SERVER_AUTH};
use x509_cert::ext::pkix::ExtendedKeyUsage;

/// The purpose of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Client authentication.
    Client,
    /// Server authentication.
    Server,
}

/// Parses a certificate.
///
/// # Errors
/// If the certificate is not valid DER.
pub(crate) fn parse(certificate: &CertificateDer<'_>) -> Result<Certificate, Error> {
    Certificate::from_der(certificate).map_err(|_| CertificateError::BadEncoding.into())
}

/// Checks the validity period and the extended key usage of a trust anchor, the only properties left to check if the chain is a
/// single trusted certificate.
///
/// # Errors
/// If the certificate is not valid at `now` or not for `purpose`.
pub fn check(certificate: &CertificateDer<'_>, purpose: Purpose, now: UnixTime) -> Result<(), Error> {
    let purpose: ObjectIdentifier = match purpose {
        Purpose::Client => ID_KP_CLIENT_AUTH,
        Purpose::Server => ID_KP_SERVER_AUTH,
    };
    let certificate = parse(certificate)?;
    let validity = certificate.tbs_certificate().validity();
    let now = Duration::from_secs(now.as_secs());
    if now < validity.not_before.to_unix_duration() {
        return Err(CertificateError::NotValidYet.into());
    }
    if now > validity.not_after.to_unix_duration() {
        return Err(CertificateError::Expired.into());
    }
    match certificate.tbs_certificate().get_extension::<ExtendedKeyUsage>() {
        Ok(None) => Ok(()),
        Ok(Some((_, ExtendedKeyUsage(purposes))))
            if purposes.contains(&purpose) || purposes.contains(&ANY_EXTENDED_KEY_USAGE) =>
        {
            Ok(())
        }
        _ => Err(CertificateError::InvalidPurpose.into()),
    }
}
