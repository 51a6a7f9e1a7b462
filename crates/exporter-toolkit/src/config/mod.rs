//! The web configuration file: the format of Prometheus' exporter-toolkit, read strictly, plain data out.

mod yaml;

use crate::duration;
use crate::suggestion::nearest;
use bcrypt::HashParts;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use yaml::Node;

/// What a web configuration file says.
#[derive(Debug, Default)]
pub(crate) struct Config {
    /// Set if connections are encrypted.
    pub(crate) tls: Option<TlsConfig>,
    /// Whether HTTP/2 is offered to clients that connect with TLS.
    pub(crate) http2: bool,
    /// Sent with every answer.
    pub(crate) headers: HeaderMap,
    /// The bcrypt hash of each user's password; empty is no authentication.
    pub(crate) users: BTreeMap<String, String>,
    /// How many requests are answered.
    pub(crate) rate_limit: Option<RateLimit>,
    /// What stands in the file and has no effect: sentences.
    pub(crate) warnings: Vec<String>,
}

/// The section `tls_server_config`.
#[derive(Debug)]
pub(crate) struct TlsConfig {
    pub(crate) cert: Pem,
    pub(crate) key: Pem,
    pub(crate) client_ca: Option<Pem>,
    pub(crate) client_auth: ClientAuth,
    /// If there are any, a client certificate has to have one of them.
    pub(crate) allowed_sans: Vec<String>,
    pub(crate) min_version: TlsVersion,
    pub(crate) max_version: TlsVersion,
    /// Go's names, in the order of preference; empty is the library's own choice.
    pub(crate) ciphers: Vec<String>,
    pub(crate) prefer_server_ciphers: bool,
    /// Go's names, as for `ciphers`.
    pub(crate) curves: Vec<String>,
}

/// Where a certificate or a key is.
#[derive(Debug)]
pub(crate) enum Pem {
    Inline(String),
    File(PathBuf),
}

/// What is asked of a client's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ClientAuth {
    None,
    Request,
    RequireAny,
    VerifyIfGiven,
    RequireAndVerify,
}

/// The versions that the format knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TlsVersion {
    Tls10,
    Tls11,
    Tls12,
    Tls13,
}

/// The section `rate_limit`: requests of all clients together, one in each interval, and so many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RateLimit {
    pub(crate) interval: Duration,
    pub(crate) burst: u32,
}

impl Config {
    /// Reads the text of a file. Relative paths in it are relative to `folder`. The error is a sentence with the line.
    pub(crate) fn parse(text: &str, folder: &Path) -> Result<Self, String> {
        let mut config = Self { http2: true, ..Self::default() };
        let document = Node::parse(text)?;
        for (key, place, value) in document.entries("the file")? {
            match key.as_str() {
                "tls_server_config" => config.tls = tls(value, folder, &mut config.warnings)?,
                "http_server_config" => http_server(value, &mut config)?,
                "basic_auth_users" => config.users = users(value, &mut config.warnings)?,
                "rate_limit" => config.rate_limit = rate_limit(value)?,
                _ => return Err(unknown(&place, &key, "the file", &SECTIONS)),
            }
        }
        if let Some(tls) = &config.tls
            && config.http2
            && !tls.ciphers.is_empty()
            && tls.min_version < TlsVersion::Tls13
            && !tls.ciphers.iter().any(|name| HTTP2_CIPHERS.contains(&name.as_str()))
        {
            return Err(format!(
                "cipher_suites has neither {} nor {}, which HTTP/2 requires: add one, or set http2: false",
                HTTP2_CIPHERS[0], HTTP2_CIPHERS[1]
            ));
        }
        Ok(config)
    }

    /// The files that are part of the configuration.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        let tls = self.tls.iter();
        tls.flat_map(|tls| [Some(&tls.cert), Some(&tls.key), tls.client_ca.as_ref()]).filter_map(|pem| {
            match pem {
                Some(Pem::File(path)) => Some(path.as_path()),
                _ => None,
            }
        })
    }
}

fn tls(section: &Node, folder: &Path, warnings: &mut Vec<String>) -> Result<Option<TlsConfig>, String> {
    let mut text: BTreeMap<String, String> = BTreeMap::new();
    let mut client_auth = None;
    let (mut min, mut max) = (TlsVersion::Tls12, TlsVersion::Tls13);
    let (mut allowed_sans, mut ciphers, mut curves) = (Vec::new(), Vec::new(), Vec::new());
    let mut prefer_server_ciphers = true;
    for (key, place, value) in section.entries("tls_server_config")? {
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
            _ => return Err(unknown(&place, &key, "tls_server_config", &TLS_KEYS)),
        }
    }
    if text.is_empty() && client_auth.is_none() {
        if !section.is_null() {
            warnings.push("tls_server_config has no certificate, so TLS stays disabled".to_owned());
        }
        return Ok(None);
    }
    if min > max {
        return Err(section.error("min_version is above max_version, so that no client could connect"));
    }
    let mut pem = |file: &str, inline: &str| match (text.remove(file), text.remove(inline)) {
        (Some(path), _) => Some(Pem::File(folder.join(path))),
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
            "there are client CAs but no client_auth_type, so that nobody would be verified: set it to \
             RequireAndVerifyClientCert",
        ));
    }
    if client_auth == ClientAuth::None && !allowed_sans.is_empty() {
        return Err(section.error(
            "there are client_allowed_sans but no client_auth_type, so that nobody would be asked for them",
        ));
    }
    let unverified = matches!(client_auth, ClientAuth::Request | ClientAuth::RequireAny);
    if unverified && (client_ca.is_some() || !allowed_sans.is_empty()) {
        warnings.push(
            "this client_auth_type has no certificate verified, so that anybody can make one that is let in, \
             whatever client_ca and client_allowed_sans say: RequireAndVerifyClientCert is for that"
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

fn http_server(section: &Node, config: &mut Config) -> Result<(), String> {
    for (key, place, value) in section.entries("http_server_config")? {
        match key.as_str() {
            "http2" if value.is_null() => {}
            "http2" => config.http2 = value.boolean(&key)?,
            "headers" => {
                for (name, place, value) in value.entries(&key)? {
                    let (name, value) = header(&name, &place, value)?;
                    config.headers.insert(name, value);
                }
            }
            _ => return Err(unknown(&place, &key, "http_server_config", &["http2", "headers"])),
        }
    }
    Ok(())
}

fn header(name: &str, place: &Node, value: &Node) -> Result<(HeaderName, HeaderValue), String> {
    let Some((_, allowed)) = HEADERS.iter().find(|(known, _)| *known == name) else {
        let known: Vec<_> = HEADERS.iter().map(|(name, _)| *name).collect();
        return Err(place.error(format_args!(
            "HTTP header \"{name}\" can not be configured; there are {}",
            known.join(", ")
        )));
    };
    let text = value.string(name)?;
    if !allowed.is_empty() && !allowed.contains(&text.as_str()) {
        return Err(value.error(format_args!(
            "invalid value for {name}: \"{text}\"; there is {}",
            allowed.join(" and ")
        )));
    }
    let header = HeaderName::from_bytes(name.as_bytes()).ok().zip(HeaderValue::from_str(&text).ok());
    header.ok_or_else(|| value.error(format_args!("the value of {name} can not be sent as a header")))
}

fn users(section: &Node, warnings: &mut Vec<String>) -> Result<BTreeMap<String, String>, String> {
    let mut users = BTreeMap::new();
    for (name, place, value) in section.entries("basic_auth_users")? {
        let hash = value.string(&name)?;
        check_hash(&hash).map_err(|error| {
            place.error(format_args!("the password of user \"{name}\" is not a bcrypt hash: {error}"))
        })?;
        if name.contains(':') {
            warnings.push(format!("the user \"{name}\" can never come in: a name ends at its first colon"));
        }
        users.insert(name, hash);
    }
    Ok(users)
}

fn check_hash(hash: &str) -> Result<(), String> {
    if hash.len() < HASH_LEN {
        return Err(format!("it is too short, {} characters instead of {HASH_LEN}", hash.len()));
    }
    if !["$2a$", "$2b$", "$2y$"].iter().any(|version| hash.starts_with(version)) {
        return Err("it does not begin with $2a$, $2b$ or $2y$".to_owned());
    }
    let parts: HashParts = hash.parse().map_err(|_| "it is not well formed".to_owned())?;
    match parts.get_cost() {
        4..=31 => Ok(()),
        cost => Err(format!("its cost {cost} is not between 4 and 31")),
    }
}

fn rate_limit(section: &Node) -> Result<Option<RateLimit>, String> {
    let (mut interval, mut burst) = (Duration::ZERO, 0);
    for (key, place, value) in section.entries("rate_limit")? {
        match key.as_str() {
            _ if value.is_null() => {}
            "interval" => {
                let text = value.string(&key)?;
                interval = match value.integer() {
                    Some(nanoseconds) => u64::try_from(nanoseconds)
                        .map(Duration::from_nanos)
                        .map_err(|_| value.error(format_args!("interval {text} is negative")))?,
                    None if text == "0s" => Duration::ZERO,
                    None => duration::parse(&text)
                        .map_err(|error| value.error(format_args!("interval \"{text}\": {error}")))?,
                };
            }
            "burst" => {
                burst = value
                    .integer()
                    .and_then(|burst| u32::try_from(burst).ok())
                    .ok_or_else(|| value.error("burst is not a whole number of requests"))?;
            }
            _ => return Err(unknown(&place, &key, "rate_limit", &["interval", "burst"])),
        }
    }
    Ok(Some(RateLimit { interval, burst }).filter(|limit| !limit.interval.is_zero()))
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
                "invalid client_auth_type: {other}; there are NoClientCert, RequestClientCert, \
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
                "unknown TLS version: {other}; there are TLS10, TLS11, TLS12 and TLS13"
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
            Err(item.error(format_args!("unknown {what}: {name}; there are {}", known.join(", "))))
        }
    };
    value.list(key)?.iter().map(check).collect()
}

fn unknown(place: &Node, key: &str, section: &str, known: &[&str]) -> String {
    let advice = match nearest(key, known.iter().copied()) {
        Some(nearest) => format!("did you mean {nearest}?"),
        None => format!("there are {}", known.join(", ")),
    };
    place.error(format_args!("there is no key \"{key}\" in {section}; {advice}"))
}

const SECTIONS: [&str; 4] = ["tls_server_config", "http_server_config", "basic_auth_users", "rate_limit"];
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
/// RFC 9113, section 9.2.2, and what Go makes of it.
const HTTP2_CIPHERS: [&str; 2] =
    ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"];
const CURVES: [&str; 4] = ["CurveP256", "CurveP384", "CurveP521", "X25519"];
/// The headers that may be set, and the values that they may have; none is any.
const HEADERS: [(&str, &[&str]); 5] = [
    ("Content-Security-Policy", &[]),
    ("Strict-Transport-Security", &[]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-XSS-Protection", &[]),
];
/// `$2b$12$`, 22 characters of salt, 31 of hash.
const HASH_LEN: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text, Path::new("/etc/exporter"))
    }

    #[test]
    fn any_of_these_keys_means_tls() {
        for line in [
            "cert: x",
            "cert_file: x",
            "key: x",
            "key_file: x",
            "client_ca_file: x",
            "client_auth_type: NoClientCert",
        ] {
            let error = parse(&format!("tls_server_config: {{{line}}}\n")).unwrap_err();
            assert!(error.contains("missing one of "), "{line}: {error}");
        }
        for line in ["min_version: TLS13", "client_allowed_sans: [a]", "cert: ''", "cipher_suites: []", ""] {
            let config = parse(&format!("tls_server_config: {{{line}}}\n")).unwrap();
            assert!(config.tls.is_none(), "{line}");
        }
    }

    #[test]
    fn every_key_is_read() {
        let hash = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi";
        let config = parse(&format!(
            "tls_server_config:\n  cert_file: a.pem\n  cert: ignored\n  key: inline\n  client_ca_file: /ca.pem\n  \
             client_auth_type: VerifyClientCertIfGiven\n  client_allowed_sans: [a, 1.5]\n  min_version: TLS11\n  \
             max_version: TLS12\n  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]\n  \
             prefer_server_cipher_suites: off\n  curve_preferences: [X25519]\nhttp_server_config:\n  http2: yes\n  \
             headers: {{X-XSS-Protection: 1, X-Frame-Options: sameorigin}}\nbasic_auth_users:\n  a: {hash}\n  1: \
             '{hash}'\nrate_limit: {{interval: 1m30s, burst: 5}}\n"
        ))
        .unwrap();
        let tls = config.tls.as_ref().unwrap();
        assert!(matches!(&tls.cert, Pem::File(path) if path == Path::new("/etc/exporter/a.pem")), "{tls:?}");
        assert!(matches!(&tls.key, Pem::Inline(text) if text == "inline"), "{tls:?}");
        assert_eq!(tls.client_auth, ClientAuth::VerifyIfGiven);
        assert_eq!(tls.allowed_sans, ["a", "1.5"]);
        assert_eq!((tls.min_version, tls.max_version), (TlsVersion::Tls11, TlsVersion::Tls12));
        assert_eq!((tls.ciphers.len(), tls.curves.len(), tls.prefer_server_ciphers), (1, 1, false));
        assert_eq!(
            config.files().collect::<Vec<_>>(),
            [Path::new("/etc/exporter/a.pem"), Path::new("/ca.pem")]
        );
        assert!(config.http2);
        assert_eq!(config.headers["x-xss-protection"], "1");
        assert_eq!(config.users.keys().collect::<Vec<_>>(), ["1", "a"]);
        assert_eq!(config.rate_limit, Some(RateLimit { interval: Duration::from_secs(90), burst: 5 }));
    }

    #[test]
    fn what_protects_from_nobody_and_who_comes_never_in_are_warnings() {
        let tls = "tls_server_config:\n  cert: a\n  key: a\n  client_auth_type: ";
        let hash = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi";
        for (text, part) in [
            (format!("{tls}RequireAnyClientCert\n  client_allowed_sans: [a]\n"), "anybody can make one"),
            (format!("{tls}RequestClientCert\n  client_ca: a\n"), "anybody can make one"),
            (format!("{tls}RequireAnyClientCert\n"), ""),
            (format!("{tls}VerifyClientCertIfGiven\n  client_allowed_sans: [a]\n"), ""),
            (format!("basic_auth_users:\n  'a:b': {hash}\n"), "\"a:b\" can never come in"),
            (format!("basic_auth_users:\n  ab: {hash}\n"), ""),
        ] {
            let warnings = parse(&text).unwrap().warnings;
            assert_eq!(warnings.len(), usize::from(!part.is_empty()), "{text}: {warnings:?}");
            assert!(warnings.concat().contains(part), "{text}: {warnings:?}");
        }
    }

    #[test]
    fn an_interval_is_a_duration_or_nanoseconds_and_zero_is_no_limit() {
        for (text, seconds) in
            [("1s", Some(1.0)), ("1500000000", Some(1.5)), ("0", None), ("0s", None), ("", None)]
        {
            let limit = parse(&format!("rate_limit: {{burst: 1, interval: {text}}}\n")).unwrap().rate_limit;
            assert_eq!(limit.map(|limit| limit.interval.as_secs_f64()), seconds, "{text}");
        }
        for text in ["-1", "x", "1s1", "-1s", "[1s]"] {
            assert!(parse(&format!("rate_limit: {{interval: {text}}}\n")).is_err(), "{text}");
        }
    }
}
