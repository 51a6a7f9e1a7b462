//! The web configuration file, in the format of Prometheus' exporter-toolkit: strict parsing into plain data.

mod tls;
mod yaml;

use crate::duration;
use crate::suggestion::nearest;
use bcrypt::HashParts;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
pub(crate) use tls::{ClientAuth, Pem, TlsConfig, TlsVersion};
use yaml::Node;

/// The content of a web configuration file.
#[derive(Debug, Default)]
pub(crate) struct Config {
    /// Set if connections use TLS.
    pub(crate) tls: Option<TlsConfig>,
    /// Whether HTTP/2 is offered to TLS clients.
    pub(crate) http2: bool,
    /// The headers of every response.
    pub(crate) headers: HeaderMap,
    /// The bcrypt hash of each user's password; empty for no authentication.
    pub(crate) users: BTreeMap<String, String>,
    /// The limit on all requests together.
    pub(crate) rate_limit: Option<RateLimit>,
    /// Messages about settings that have no effect or do not protect.
    pub(crate) warnings: Vec<String>,
}

/// The section `rate_limit`: requests of all clients together, one in each interval besides a burst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RateLimit {
    pub(crate) interval: Duration,
    pub(crate) burst: u32,
}

impl Config {
    /// Parses the text of a file, whose paths are relative to `directory`. The error message has the line.
    pub(crate) fn parse(text: &str, directory: &Path) -> Result<Self, String> {
        let mut config = Self { http2: true, ..Self::default() };
        let document = Node::parse(text)?;
        for (key, key_node, value) in document.entries("the file")? {
            match key.as_str() {
                "tls_server_config" => config.tls = tls::parse(value, directory, &mut config.warnings)?,
                "http_server_config" => http_server(value, &mut config)?,
                "basic_auth_users" => config.users = users(value, &mut config.warnings)?,
                "rate_limit" => config.rate_limit = rate_limit(value, &mut config.warnings)?,
                _ => return Err(unknown(&key_node, &key, "the file", &SECTIONS)),
            }
        }
        if config.http2
            && let Some(tls) = &config.tls
        {
            tls.check_http2_ciphers()?;
        }
        Ok(config)
    }

    /// Returns the paths of the files that the configuration names.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        let tls = self.tls.iter();
        let pem = tls.flat_map(|tls| [Some(&tls.cert), Some(&tls.key), tls.client_ca.as_ref()]);
        pem.flatten().filter_map(Pem::file)
    }
}

fn http_server(section: &Node, config: &mut Config) -> Result<(), String> {
    for (key, key_node, value) in section.entries("http_server_config")? {
        match key.as_str() {
            "http2" if value.is_null() => {}
            "http2" => config.http2 = value.boolean(&key)?,
            "headers" => {
                for (name, key_node, value) in value.entries(&key)? {
                    let (name, value) = header(&name, &key_node, value)?;
                    config.headers.insert(name, value);
                }
            }
            _ => return Err(unknown(&key_node, &key, "http_server_config", &["http2", "headers"])),
        }
    }
    Ok(())
}

fn header(name: &str, key_node: &Node, value: &Node) -> Result<(HeaderName, HeaderValue), String> {
    let Some((_, allowed)) = HEADERS.iter().find(|(known, _)| *known == name) else {
        let known: Vec<_> = HEADERS.iter().map(|(name, _)| *name).collect();
        return Err(key_node.error(format_args!(
            "HTTP header \"{name}\" can not be configured; valid headers are {}",
            known.join(", ")
        )));
    };
    let text = value.string(name)?;
    if !allowed.is_empty() && !allowed.contains(&text.as_str()) {
        return Err(value.error(format_args!(
            "invalid value for {name}: \"{text}\"; valid values are {}",
            allowed.join(" and ")
        )));
    }
    let header = HeaderName::from_bytes(name.as_bytes()).ok().zip(HeaderValue::from_str(&text).ok());
    header.ok_or_else(|| value.error(format_args!("the value of {name} is not a valid HTTP header value")))
}

fn users(section: &Node, warnings: &mut Vec<String>) -> Result<BTreeMap<String, String>, String> {
    let mut users = BTreeMap::new();
    for (name, key_node, value) in section.entries("basic_auth_users")? {
        let hash = value.string(&name)?;
        check_hash(&hash).map_err(|error| {
            key_node.error(format_args!("the password of user \"{name}\" is not a bcrypt hash: {error}"))
        })?;
        if name.contains(':') {
            warnings.push(format!(
                "the user \"{name}\" can never log in: in HTTP, a user name ends at its first colon"
            ));
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

fn rate_limit(section: &Node, warnings: &mut Vec<String>) -> Result<Option<RateLimit>, String> {
    let (mut interval, mut burst) = (Duration::ZERO, 0);
    for (key, key_node, value) in section.entries("rate_limit")? {
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
                    .ok_or_else(|| value.error("burst is not a whole number from 0 to 4294967295"))?;
            }
            _ => return Err(unknown(&key_node, &key, "rate_limit", &["interval", "burst"])),
        }
    }
    let limit = Some(RateLimit { interval, burst }).filter(|limit| !limit.interval.is_zero());
    if limit.is_some() && burst == 0 {
        warnings.push(
            "rate_limit with burst 0 refuses every request with status 429: set burst to 1 or more"
                .to_owned(),
        );
    }
    Ok(limit)
}

fn unknown(key_node: &Node, key: &str, section: &str, known: &[&str]) -> String {
    let advice = match nearest(key, known.iter().copied()) {
        Some(nearest) => format!("did you mean {nearest}?"),
        None => format!("valid keys are {}", known.join(", ")),
    };
    key_node.error(format_args!("there is no key \"{key}\" in {section}; {advice}"))
}

const SECTIONS: [&str; 4] = ["tls_server_config", "http_server_config", "basic_auth_users", "rate_limit"];
/// The headers that may be configured with their valid values; an empty list accepts any value.
const HEADERS: [(&str, &[&str]); 5] = [
    ("Content-Security-Policy", &[]),
    ("Strict-Transport-Security", &[]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-XSS-Protection", &[]),
];
/// The length of a bcrypt hash: `$2b$12$`, 22 characters of salt, 31 of hash.
const HASH_LEN: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text, Path::new("/etc/exporter"))
    }

    #[test]
    fn any_of_these_keys_enables_tls() {
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
    fn every_key_is_parsed() {
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
    fn http2_is_on_unless_it_is_switched_off() {
        for (text, http2) in [("", true), ("http2:", true), ("http2: true", true), ("http2: false", false)] {
            assert_eq!(parse(&format!("http_server_config: {{{text}}}\n")).unwrap().http2, http2, "{text}");
        }
    }

    #[test]
    fn keys_without_a_value_have_their_defaults() {
        let tls = |line: &str| {
            let config = parse(&format!("tls_server_config: {{cert: a, key: a, {line}}}\n")).unwrap();
            format!("{:?}", config.tls.unwrap())
        };
        for key in [
            "client_ca",
            "client_auth_type",
            "client_allowed_sans",
            "min_version",
            "max_version",
            "cipher_suites",
            "curve_preferences",
            "prefer_server_cipher_suites",
        ] {
            assert_eq!(tls(&format!("{key}:")), tls(""), "{key}");
        }
    }

    #[test]
    fn http2_needs_one_of_its_cipher_suites_below_tls_1_3() {
        for (version, http2, is_valid) in
            [("TLS12", "true", false), ("TLS12", "false", true), ("TLS13", "true", true)]
        {
            let result = parse(&format!(
                "tls_server_config: {{cert: a, key: a, min_version: {version}, cipher_suites: \
                 [TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384]}}\nhttp_server_config: {{http2: {http2}}}\n"
            ));
            assert_eq!(result.is_ok(), is_valid, "{version} {http2}: {:?}", result.err());
        }
    }

    #[test]
    fn settings_that_do_not_protect_and_users_that_cannot_log_in_are_warnings() {
        let tls = "tls_server_config:\n  cert: a\n  key: a\n  client_auth_type: ";
        let hash = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi";
        for (text, part) in [
            (format!("{tls}RequireAnyClientCert\n  client_allowed_sans: [a]\n"), "do not protect"),
            (format!("{tls}RequestClientCert\n  client_ca: a\n"), "do not protect"),
            (format!("{tls}RequireAnyClientCert\n"), ""),
            (format!("{tls}VerifyClientCertIfGiven\n  client_allowed_sans: [a]\n"), ""),
            (format!("basic_auth_users:\n  'a:b': {hash}\n"), "\"a:b\" can never log in"),
            (format!("basic_auth_users:\n  ab: {hash}\n"), ""),
            ("rate_limit: {interval: 20ms}\n".to_owned(), "burst 0 refuses every request"),
            ("rate_limit: {interval: 20ms, burst: 1}\n".to_owned(), ""),
            ("rate_limit: {burst: 0}\n".to_owned(), ""),
        ] {
            let warnings = parse(&text).unwrap().warnings;
            assert_eq!(warnings.len(), usize::from(!part.is_empty()), "{text}: {warnings:?}");
            assert!(warnings.concat().contains(part), "{text}: {warnings:?}");
        }
    }

    #[test]
    fn an_interval_is_a_duration_or_nanoseconds_and_zero_means_no_limit() {
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
