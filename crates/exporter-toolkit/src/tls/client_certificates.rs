//! Verification of client certificates.

use super::trust_anchor::{self, Purpose};
use std::net::IpAddr;
use std::sync::Arc;
use tokio_rustls::rustls::client::danger::HandshakeSignatureValid;
use tokio_rustls::rustls::crypto::{
    WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme,
};
use x509_cert::Certificate;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// Verifies client certificates as Go does in the modes of `tls.ClientAuthType` that request a certificate.
#[derive(Debug)]
pub(super) struct ClientVerifier {
    /// Whether clients without a certificate are refused.
    pub(super) required: bool,
    /// Verifies the chain up to an authority; `None` accepts any certificate whose key the client has.
    pub(super) chain: Option<Arc<dyn ClientCertVerifier>>,
    /// The certificates of the client CA, which a client may also have as its own.
    pub(super) anchors: Vec<CertificateDer<'static>>,
    /// If not empty, the certificate must have one of these names.
    pub(super) allowed_sans: Vec<String>,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for ClientVerifier {
    fn client_auth_mandatory(&self) -> bool {
        // A client without a certificate has none of the allowed names.
        self.required || !self.allowed_sans.is_empty()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.as_ref().map_or(&[], |chain| chain.root_hint_subjects())
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if self.anchors.iter().any(|anchor| anchor == end_entity) {
            trust_anchor::check(end_entity, Purpose::Client, now)?;
        } else if let Some(chain) = &self.chain {
            chain.verify_client_cert(end_entity, intermediates, now)?;
        }
        if !self.allowed_sans.is_empty() {
            let names = names(&trust_anchor::parse(end_entity)?);
            if !names.iter().any(|name| self.allowed_sans.contains(name)) {
                return Err(other(format!(
                    "the client certificate has none of the allowed SANs, only {names:?}"
                )));
            }
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Returns the DNS names, mail addresses, IP addresses and URIs of a certificate, in Go's notation.
fn names(certificate: &Certificate) -> Vec<String> {
    let Ok(Some((_, SubjectAltName(names)))) =
        certificate.tbs_certificate().get_extension::<SubjectAltName>()
    else {
        return Vec::new();
    };
    let name = |name: &GeneralName| match name {
        GeneralName::DnsName(name) => Some(name.to_string()),
        GeneralName::Rfc822Name(name) => Some(name.to_string()),
        GeneralName::UniformResourceIdentifier(name) => Some(name.to_string()),
        GeneralName::IpAddress(octets) => match octets.as_bytes().len() {
            4 => <[u8; 4]>::try_from(octets.as_bytes()).ok().map(|octets| IpAddr::from(octets).to_string()),
            _ => <[u8; 16]>::try_from(octets.as_bytes()).ok().map(|octets| IpAddr::from(octets).to_string()),
        },
        _ => None,
    };
    names.iter().filter_map(name).collect()
}

fn other(message: String) -> Error {
    let error: Box<dyn std::error::Error + Send + Sync> = message.into();
    CertificateError::Other(OtherError(Arc::from(error))).into()
}
