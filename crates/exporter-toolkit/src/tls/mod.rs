//! The TLS section of a web configuration as a rustls configuration.

mod client_certificates;
pub mod system_authorities;
pub mod trust_anchor;

use crate::config::{ClientAuth, Config, Pem, TlsConfig, TlsVersion};
use crate::{Error, pem};
use client_certificates::ClientVerifier;
use ring::signature::RsaKeyPair;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::rustls::crypto::ring::{cipher_suite as suite, default_provider, kx_group};
use tokio_rustls::rustls::crypto::{CryptoProvider, SupportedKxGroup};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{RootCertStore, ServerConfig, SupportedCipherSuite};

/// The content of each file that a configuration names.
pub(crate) type Files = BTreeMap<PathBuf, Vec<u8>>;

/// The settings of TLS connections.
#[derive(Clone)]
pub(crate) struct Tls {
    pub(crate) config: Arc<ServerConfig>,
    /// Whether the certificates of clients are verified.
    pub(crate) verifies_clients: bool,
}

/// Returns the rustls configuration with the certificates in `files`; `None` without a TLS section. Settings that are not
/// supported are added to `warnings`.
pub(crate) fn server_config(
    config: &Config,
    files: &Files,
    warnings: &mut Vec<String>,
) -> Result<Option<Tls>, String> {
    let Some(tls) = &config.tls else { return Ok(None) };
    let provider = Arc::new(provider(tls, warnings)?);
    let chain = tls.cert.certificates("cert", files)?;
    let key = pem::private_key(tls.key.text(files), &tls.key.source("key"))?;
    warnings.extend(warning_about(&key, &tls.key.source("key")));
    warnings.extend(tls.key.file().and_then(warning_about_mode));

    let mut versions = Vec::new();
    let has = |version| provider.cipher_suites.iter().any(|suite| suite.version() == version);
    if (tls.min_version..=tls.max_version).contains(&TlsVersion::Tls13) {
        versions.push(&TLS13);
    }
    if (tls.min_version..=tls.max_version).contains(&TlsVersion::Tls12) && has(&TLS12) {
        versions.push(&TLS12);
    }
    if versions.is_empty() {
        return Err("none of the configured TLS versions and cipher suites is supported: supported are TLS12 and TLS13, \
                    and for TLS12 the suites with GCM and CHACHA20_POLY1305"
            .to_owned());
    }
    if tls.min_version < TlsVersion::Tls12 {
        warnings.push("TLS10 and TLS11 are not offered: clients need TLS12 at least".to_owned());
    }
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&versions)
        .map_err(|error| error.to_string())?;
    let builder = match tls.client_auth {
        ClientAuth::None => builder.with_no_client_auth(),
        _ => builder.with_client_cert_verifier(Arc::new(verifier(tls, files, provider, warnings)?)),
    };
    let mut server = builder.with_single_cert(chain, key).map_err(|error| {
        format!(
            "the certificate in {} and the key in {} cannot be used together: {error}",
            tls.cert.source("cert"),
            tls.key.source("key")
        )
    })?;
    server.ignore_client_order = tls.prefer_server_ciphers;
    // Every connection makes a full handshake: each client is verified anew, and no session is kept in memory.
    server.session_storage = Arc::new(NoServerSessionStorage {});
    let protocols: &[&str] = if config.http2 { &["h2", "http/1.1"] } else { &["http/1.1"] };
    server.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let verifies_clients =
        matches!(tls.client_auth, ClientAuth::VerifyIfGiven | ClientAuth::RequireAndVerify);
    Ok(Some(Tls { config: Arc::new(server), verifies_clients }))
}

impl Pem {
    fn certificates(&self, name: &str, files: &Files) -> Result<Vec<CertificateDer<'static>>, Error> {
        pem::certificates(self.text(files), &self.source(name))
    }

    fn text<'f>(&'f self, files: &'f Files) -> &'f [u8] {
        match self {
            Self::Inline(text) => text.as_bytes(),
            Self::File(path) => files.get(path).map_or(&[], Vec::as_slice),
        }
    }

    fn source(&self, name: &str) -> String {
        self.file().map_or_else(|| name.to_owned(), |path| path.display().to_string())
    }
}

/// Returns a warning about a key with slow signatures.
fn warning_about(key: &PrivateKeyDer<'_>, source: &str) -> Option<String> {
    let key = match key {
        PrivateKeyDer::Pkcs1(key) => RsaKeyPair::from_der(key.secret_pkcs1_der()),
        PrivateKeyDer::Pkcs8(key) => RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()),
        _ => return None,
    };
    let bits = key.ok()?.public().modulus_len() * 8;
    (bits > CHEAP_RSA_BITS).then(|| {
        format!(
            "the RSA key in {source} has {bits} bits, so a handshake takes milliseconds of CPU time; use ECDSA P-256, \
             whose signature takes a hundredth of that"
        )
    })
}

/// Returns a warning about the file of a key that every user of the machine can read.
fn warning_about_mode(key: &Path) -> Option<String> {
    let mode = fs::metadata(key).ok()?.mode() & 0o7777;
    (mode & READABLE_BY_OTHERS != 0).then(|| {
        let key = key.display();
        format!(
            "the key {key} has mode {mode:04o}, which lets every user read it: set the mode to 0640 or 0600"
        )
    })
}

fn verifier(
    tls: &TlsConfig,
    files: &Files,
    provider: Arc<CryptoProvider>,
    warnings: &mut Vec<String>,
) -> Result<ClientVerifier, String> {
    let verifies = matches!(tls.client_auth, ClientAuth::VerifyIfGiven | ClientAuth::RequireAndVerify);
    let mut anchors = Vec::new();
    let mut chain = None;
    if verifies {
        let mut roots = RootCertStore::empty();
        if let Some(ca) = &tls.client_ca {
            anchors = ca.certificates("client_ca", files)?;
            for certificate in &anchors {
                roots.add(certificate.clone()).map_err(|error| {
                    format!("a certificate in {} cannot be an authority: {error}", ca.source("client_ca"))
                })?;
            }
        } else {
            warnings.push(
                "without client_ca, clients are verified against the system's public authorities".to_owned(),
            );
            roots.add_parsable_certificates(system_authorities::read()?);
        }
        let built = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build();
        chain =
            Some(built.map_err(|error| format!("failed to set up the verification of clients: {error}"))?);
    }
    Ok(ClientVerifier {
        required: matches!(tls.client_auth, ClientAuth::RequireAny | ClientAuth::RequireAndVerify),
        chain,
        anchors,
        allowed_sans: tls.allowed_sans.clone(),
        algorithms: provider.signature_verification_algorithms,
    })
}

/// Returns the configured cipher suites and curves that are supported.
fn provider(tls: &TlsConfig, warnings: &mut Vec<String>) -> Result<CryptoProvider, String> {
    let mut provider = default_provider();
    if !tls.ciphers.is_empty() {
        // As in Go, the list is for TLS 1.2, and the suites of TLS 1.3 are always offered.
        provider.cipher_suites.retain(|suite| suite.version() == &TLS13);
        for name in &tls.ciphers {
            match cipher(name) {
                Some(suite) if suite.version() == &TLS12 => provider.cipher_suites.push(suite),
                Some(_) => {}
                None => warnings
                    .push(format!("cipher suite {name} is ignored: suites with CBC are not supported")),
            }
        }
    }
    if !tls.curves.is_empty() {
        provider.kx_groups.clear();
        for name in &tls.curves {
            match curve(name) {
                Some(group) => provider.kx_groups.push(group),
                None => warnings
                    .push(format!("curve {name} is ignored: supported are X25519, CurveP256 and CurveP384")),
            }
        }
        if provider.kx_groups.is_empty() {
            return Err(
                "no curve of curve_preferences is supported: supported are X25519, CurveP256 and CurveP384"
                    .to_owned(),
            );
        }
    }
    Ok(provider)
}

fn cipher(name: &str) -> Option<SupportedCipherSuite> {
    Some(match name {
        "TLS_AES_128_GCM_SHA256" => suite::TLS13_AES_128_GCM_SHA256,
        "TLS_AES_256_GCM_SHA384" => suite::TLS13_AES_256_GCM_SHA384,
        "TLS_CHACHA20_POLY1305_SHA256" => suite::TLS13_CHACHA20_POLY1305_SHA256,
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256" => suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384" => suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256" => {
            suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
        }
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" => suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384" => suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256" => suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        _ => return None,
    })
}

fn curve(name: &str) -> Option<&'static dyn SupportedKxGroup> {
    match name {
        "X25519" => Some(kx_group::X25519),
        "CurveP256" => Some(kx_group::SECP256R1),
        "CurveP384" => Some(kx_group::SECP384R1),
        _ => None,
    }
}

/// The size up to which signatures of an RSA key take less than a millisecond.
const CHEAP_RSA_BITS: usize = 2048;
/// The permission bit for reading by users other than the file's owner and the members of its group.
const READABLE_BY_OTHERS: u32 = 0o004;
