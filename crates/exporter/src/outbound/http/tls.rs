//! TLS as a client.

use exporter_toolkit::trust_anchor::{self, Purpose};
use exporter_toolkit::{pem, system_authorities};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::client::{WebPkiServerVerifier, verify_server_name};
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

/// Trusted authorities and client certificate, in PEM files. The files are read for each connection, so they can be
/// replaced at any time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TlsFiles {
    /// The authorities that may sign a server's certificate, or that certificate itself. `None` is the system's authorities.
    pub ca: Option<PathBuf>,
    /// The client's certificate chain, and its private key.
    pub identity: Option<(PathBuf, PathBuf)>,
}

impl TlsFiles {
    /// Reads the files. The error is a human-readable message.
    pub fn connector(&self) -> Result<TlsConnector, String> {
        let provider = Arc::new(default_provider());
        let trusted = match &self.ca {
            Some(path) => pem::read_certificates(path)?,
            None => Vec::new(),
        };
        let mut roots = RootCertStore::empty();
        match &self.ca {
            Some(path) => {
                for certificate in &trusted {
                    roots.add(certificate.clone()).map_err(|error| {
                        format!("a certificate in {} cannot be used as an authority: {error}", path.display())
                    })?;
                }
            }
            None => {
                roots.add_parsable_certificates(system_authorities::read()?);
            }
        }
        let chain = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build();
        let chain = chain.map_err(|error| format!("cannot verify servers: {error}"))?;
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Verifier { trusted, chain }));
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = pem::read_certificates(certificate)?;
                builder.with_client_auth_cert(chain, pem::read_private_key(key)?).map_err(|error| {
                    format!(
                        "the certificate in {} and the key in {} cannot be used together: {error}",
                        certificate.display(),
                        key.display()
                    )
                })?
            }
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsConnector::from(Arc::new(config)))
    }
}

pub(super) async fn connect(
    connector: &TlsConnector,
    host: &str,
    stream: TcpStream,
) -> Result<TlsStream<TcpStream>, String> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| format!("\"{host}\" is not a name that a certificate can have"))?;
    connector.connect(name, stream).await.map_err(|error| message(&error))
}

/// Verifies like webpki, and also accepts a certificate of the CA file as the server's own.
#[derive(Debug)]
struct Verifier {
    trusted: Vec<CertificateDer<'static>>,
    chain: Arc<WebPkiServerVerifier>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.trusted.iter().any(|trusted| trusted == end_entity) {
            trust_anchor::check(end_entity, Purpose::Server, now)?;
            verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
            return Ok(ServerCertVerified::assertion());
        }
        self.chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

fn message(error: &io::Error) -> String {
    match error.get_ref().and_then(|error| error.downcast_ref()) {
        Some(Error::InvalidCertificate(error)) if is_unknown(error) => {
            "the server's certificate is not signed by a trusted authority; set --tls.ca-file for a Pushgateway, or \
             --kamailio.tls.ca-file for a Kamailio, to its authority or to the certificate itself"
                .to_owned()
        }
        Some(error) => format!("TLS handshake failed: {error}"),
        None => format!("TLS handshake failed: {error}"),
    }
}

/// Returns whether no trusted authority signed the certificate. Self-signed certificates, such as those of `openssl req -x509`,
/// are authorities too. webpki refuses them as server certificates before it looks for an issuer.
fn is_unknown(error: &CertificateError) -> bool {
    match error {
        CertificateError::UnknownIssuer => true,
        CertificateError::Other(error) => error.to_string() == "CaUsedAsEndEntity",
        _ => false,
    }
}
