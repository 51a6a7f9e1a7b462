//! The section `tls_server_config`.

use super::unknown;
use super::yaml::Node;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The section `tls_server_config`.
#[derive(Debug)]
pub(crate) struct TlsConfig {
    pub(crate) cert: Pem,
    pub(crate) key: Pem,
    pub(crate) client_ca: Option<Pem>,
    pub(crate) client_auth: ClientAuth,
    /// If not empty, a client certificate must have one of these names.
    pub(crate) allowed_sans: Vec<String>,
    pub(crate) min_version: TlsVersion,
    pub(crate) max_version: TlsVersion,
    /// Go's names of the cipher suites, in order of preference; empty for the defaults.
    pub(crate) ciphers: Vec<String>,
    pub(crate) prefer_server_ciphers: bool,
    /// Go's names of the curves, as for `ciphers`.
    pub(crate) curves: Vec<String>,
}

/// A certificate or a key in PEM form.
#[derive(Debug)]
pub(crate) enum Pem {
    Inline(String),
    File(PathBuf),
}

impl Pem {
    /// Returns the path of a file.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::Inline(_) => None,
            Self::File(path) => Some(path),
        }
    }
}

/// The requirement on client certificates, as Go's `tls.ClientAuthType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ClientAuth {
    None,
    Request,
    RequireAny,
    VerifyIfGiven,
    RequireAndVerify,
}

/// The TLS versions that the format has. 1.0 and 1.1 are understood and not offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TlsVersion {
    Tls10,
    Tls11,
    Tls12,
    Tls13,
}

impl TlsConfig {
    /// Checks that the cipher suites include one that HTTP/2 requires.
    pub(super) fn check_http2_ciphers(&self) -> Result<(), String> {
        if !self.ciphers.is_empty()
            && self.min_version < TlsVersion::Tls13
            && !self.ciphers.iter().any(|name| HTTP2_CIPHERS.contains(&name.as_str()))
        {
            return Err(format!(
                "cipher_suites has neither {} nor {}, which HTTP/2 requires: add one, or set http2: false",
                HTTP2_CIPHERS[0], HTTP2_CIPHERS[1]
            ));
        }
        Ok(())
    }
}

/// Parses the section; `None` if TLS stays disabled. Its paths are relative to `directory`.
pub(super) fn parse(
    section: &Node,
    directory: &Path,
    warnings: &mut Vec<String>,
) -> Result<Option<TlsConfig>, String> {
    let mut text: BTreeMap<String, String> = BTreeMap::new();
    let mut client_auth = None;
    let (mut min, mut max) = (TlsVersion::Tls12, TlsVersion::Tls13);
    let (mut allowed_sans, mut ciphers, mut curves) = (Vec::new(), Vec::new(), Vec::new());
    let mut prefer_server_ciphers = true;
    for (key, key_node, value) in section.entries("tls_server_config")? {
        match key.as_str() {
            name if PEMS.contains(&name) => {
                let content = value.string(name)?;
                if !content.is_empty() {
                    text.insert(key, content);
                }
            }
            "client_auth_type" => client_auth = client_auth_type(value)?,
            "client_allowed_sans" => allowed_sans = strings(value, &key)?,
            "min_version" => min = version(value, min)?,
            "max_version" => max = version(value, max)?,
            "cipher_suites" => ciphers = names(value, &key, "cipher", &CIPHERS)?,
            "curve_preferences" => curves = names(value, &key, "curve", &CURVES)?,
            "prefer_server_cipher_suites" if value.is_null() => {}
            "prefer_server_cipher_suites" => prefer_server_ciphers = value.boolean(&key)?,
            _ => return Err(unknown(&key_node, &key, "tls_server_config", &TLS_KEYS)),
        }
    }
    if text.is_empty() && client_auth.is_none() {
        if !section.is_null() {
            warnings.push("tls_server_config has no certificate, so TLS stays disabled".to_owned());
        }
        return Ok(None);
    }
    if min > max {
        return Err(section.error("min_version is above max_version, so no client could connect"));
    }
    let mut pem = |file: &str, inline: &str| match (text.remove(file), text.remove(inline)) {
        (Some(path), _) => Some(Pem::File(directory.join(path))),
        (None, content) => content.map(Pem::Inline),
    };
    let cert = pem("cert_file", "cert");
    let key = pem("key_file", "key");
    let client_ca = pem("client_ca_file", "client_ca");
    let client_auth = client_auth.unwrap_or(ClientAuth::None);
    let cert = cert.ok_or_else(|| section.error("missing one of cert or cert_file"))?;
    let key = key.ok_or_else(|| section.error("missing one of key or key_file"))?;
    if client_ca.is_some() && client_auth == ClientAuth::None {
        return Err(section.error(
            "client CAs without a client_auth_type would verify no client: set client_auth_type to \
             RequireAndVerifyClientCert",
        ));
    }
    if client_auth == ClientAuth::None && !allowed_sans.is_empty() {
        return Err(section.error("client_allowed_sans without a client_auth_type would check no client"));
    }
    let unverified = matches!(client_auth, ClientAuth::Request | ClientAuth::RequireAny);
    if unverified && (client_ca.is_some() || !allowed_sans.is_empty()) {
        warnings.push(
            "this client_auth_type verifies no certificate, so client_ca and client_allowed_sans do not protect: \
             any client can make a certificate that is accepted; use RequireAndVerifyClientCert"
                .to_owned(),
        );
    }
    Ok(Some(TlsConfig {
        cert,
        key,
        client_ca,
        client_auth,
        allowed_sans,
        min_version: min,
        max_version: max,
        ciphers,
        prefer_server_ciphers,
        curves,
    }))
}

fn client_auth_type(value: &Node) -> Result<Option<ClientAuth>, String> {
    Ok(Some(match value.string("client_auth_type")?.as_str() {
        "" => return Ok(None),
        "NoClientCert" => ClientAuth::None,
        "RequestClientCert" => ClientAuth::Request,
        "RequireAnyClientCert" | "RequireClientCert" => ClientAuth::RequireAny,
        "VerifyClientCertIfGiven" => ClientAuth::VerifyIfGiven,
        "RequireAndVerifyClientCert" => ClientAuth::RequireAndVerify,
        other => {
            return Err(value.error(format_args!(
                "invalid client_auth_type: {other}; valid types are NoClientCert, RequestClientCert, \
                 RequireAnyClientCert, VerifyClientCertIfGiven and RequireAndVerifyClientCert"
            )));
        }
    }))
}

fn version(value: &Node, default: TlsVersion) -> Result<TlsVersion, String> {
    Ok(match value.string("a TLS version")?.as_str() {
        "" => default,
        "TLS10" => TlsVersion::Tls10,
        "TLS11" => TlsVersion::Tls11,
        "TLS12" => TlsVersion::Tls12,
        "TLS13" => TlsVersion::Tls13,
        other => {
            return Err(value.error(format_args!(
                "unknown TLS version: {other}; valid versions are TLS10, TLS11, TLS12 and TLS13"
            )));
        }
    })
}

fn strings(value: &Node, name: &str) -> Result<Vec<String>, String> {
    value.list(name)?.iter().map(|item| item.string(name)).collect()
}

fn names(value: &Node, key: &str, what: &str, known: &[&str]) -> Result<Vec<String>, String> {
    let check = |item: &Node| {
        let name = item.string(key)?;
        if known.contains(&name.as_str()) {
            Ok(name)
        } else {
            Err(item.error(format_args!("unknown {what}: {name}; valid names are {}", known.join(", "))))
        }
    };
    value.list(key)?.iter().map(check).collect()
}

const PEMS: [&str; 6] = ["cert", "cert_file", "key", "key_file", "client_ca", "client_ca_file"];
const TLS_KEYS: [&str; 13] = [
    "cert",
    "cert_file",
    "key",
    "key_file",
    "client_ca",
    "client_ca_file",
    "client_auth_type",
    "client_allowed_sans",
    "min_version",
    "max_version",
    "cipher_suites",
    "prefer_server_cipher_suites",
    "curve_preferences",
];
const CIPHERS: [&str; 13] = [
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
];
/// The suites of which HTTP/2 requires one (RFC 9113, section 9.2.2, and Go's server).
const HTTP2_CIPHERS: [&str; 2] =
    ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"];
const CURVES: [&str; 4] = ["CurveP256", "CurveP384", "CurveP521", "X25519"];
