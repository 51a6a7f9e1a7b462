//! Certificates, web configuration files, and curl, for tests of the server.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType,
};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned};

/// A directory with `ca.pem`, `server.pem` and `server.key`, and further files of a test.
pub(crate) struct Folder {
    folder: tempfile::TempDir,
    authority: Issuer<'static, KeyPair>,
}

impl Folder {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "Authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        let folder = Self { folder: tempfile::tempdir().unwrap(), authority: Issuer::new(params, key) };
        folder.write("ca.pem", &pem);
        folder.certificate("server", &["localhost"], ExtendedKeyUsagePurpose::ServerAuth);
        folder
    }

    /// Writes `NAME.pem` and `NAME.key`, signed by the authority, for these DNS names and 127.0.0.1.
    pub(crate) fn certificate(&self, name: &str, names: &[&str], purpose: ExtendedKeyUsagePurpose) {
        let mut params = params(names);
        params.extended_key_usages = vec![purpose];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.authority).unwrap();
        // The key first: a server that reads in between sees that key and certificate do not match.
        self.replace(&format!("{name}.key"), &key.serialize_pem());
        self.replace(&format!("{name}.pem"), &certificate.pem());
    }

    pub(crate) fn client(&self, name: &str, names: &[&str]) {
        self.certificate(name, names, ExtendedKeyUsagePurpose::ClientAuth);
    }

    /// Writes a self-signed certificate that is an authority, as `openssl req -x509` does.
    pub(crate) fn self_signed(&self, name: &str, names: &[&str]) {
        let mut params = params(names);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        self.write(&format!("{name}.pem"), &params.self_signed(&key).unwrap().pem());
        self.write(&format!("{name}.key"), &key.serialize_pem());
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Writes a file in place, so that it is empty for a moment.
    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.path(name), text).unwrap();
        self.path(name).display().to_string()
    }

    /// Writes a file under another name, and renames it.
    pub(crate) fn replace(&self, name: &str, text: &str) {
        self.write("new", text);
        std::fs::rename(self.path("new"), self.path(name)).unwrap();
    }

    /// Writes `web.yml` with TLS, further lines of the TLS section, and further lines of the file.
    pub(crate) fn tls(&self, section: &str, rest: &str) -> String {
        self.write("web.yml", &self.tls_text(section, rest))
    }

    /// Returns the text of that file.
    pub(crate) fn tls_text(&self, section: &str, rest: &str) -> String {
        let section: String = section.lines().map(|line| format!("  {line}\n")).collect();
        format!("tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n{section}{rest}")
    }

    pub(crate) fn tls_client(&self) -> TlsClient {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.path("ca.pem")).unwrap()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        TlsClient(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
    }

    /// Runs curl in this directory.
    pub(crate) fn curl(&self, arguments: &[&str]) -> Curl {
        let output = Command::new("curl")
            .current_dir(self.folder.path())
            .args(["-s", "-S", "-o", "-", "-w", "\n%{http_code} %{http_version}", "--max-time", "20", "-q"])
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .expect("curl runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (body, last) = text.rsplit_once('\n').unwrap_or_default();
        let (status, version) = last.split_once(' ').unwrap_or_default();
        Curl {
            exit: output.status.code().unwrap(),
            status: status.parse().unwrap_or(0),
            version: version.to_owned(),
            body: body.to_owned(),
            complaint: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// The result of curl.
#[derive(Debug)]
pub(crate) struct Curl {
    /// Exit code: 0 for a response, 35 if the TLS handshake failed, 56 if the connection failed.
    pub(crate) exit: i32,
    pub(crate) status: u16,
    pub(crate) version: String,
    pub(crate) body: String,
    pub(crate) complaint: String,
}

/// A bcrypt hash at the lowest cost.
pub(crate) fn hash(password: &str) -> String {
    bcrypt::hash(password, 4).unwrap()
}

/// Returns the header with the credentials of a user.
pub(crate) fn basic(user: &str, password: &str) -> String {
    use base64::Engine as _;
    format!("Basic {}", base64::prelude::BASE64_STANDARD.encode(format!("{user}:{password}")))
}

fn params(names: &[&str]) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, "Somebody");
    params.subject_alt_names = names
        .iter()
        .map(|name| match name.parse() {
            Ok(ip) => SanType::IpAddress(ip),
            Err(_) if name.contains("://") => SanType::URI((*name).try_into().unwrap()),
            Err(_) if name.contains('@') => SanType::Rfc822Name((*name).try_into().unwrap()),
            Err(_) => SanType::DnsName((*name).try_into().unwrap()),
        })
        .chain([SanType::IpAddress([127, 0, 0, 1].into())])
        .collect();
    params
}

/// A TLS client that trusts the authority of a directory.
pub(crate) struct TlsClient(Arc<ClientConfig>);

/// A connection of a TLS client.
pub(crate) struct TlsConnection(StreamOwned<ClientConnection, TcpStream>);

impl TlsClient {
    /// A TLS client that speaks HTTP/2.
    pub(crate) fn of_http2(self) -> Self {
        let mut config = Arc::unwrap_or_clone(self.0);
        config.alpn_protocols = vec![b"h2".to_vec()];
        Self(Arc::new(config))
    }

    pub(crate) fn connect(&self, address: &str) -> TlsConnection {
        let connection = ClientConnection::new(self.0.clone(), "localhost".try_into().unwrap()).unwrap();
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.set_nodelay(true).unwrap();
        TlsConnection(StreamOwned::new(connection, stream))
    }
}

impl TlsConnection {
    /// Returns whether the handshake was a full one, after a response.
    pub(crate) fn is_full_handshake(&self) -> bool {
        self.0.conn.handshake_kind() == Some(HandshakeKind::Full)
    }

    /// Sends bytes, and returns the flags of the next HTTP/2 frame of a type; `None` at the end of the connection.
    pub(crate) fn frame(&mut self, bytes: &[u8], wanted: u8) -> Option<u8> {
        self.0.write_all(bytes).ok()?;
        loop {
            let mut head = [0; 9];
            self.0.read_exact(&mut head).ok()?;
            let [high, middle, low, kind, flags, ..] = head;
            let mut payload = vec![0; u32::from_be_bytes([0, high, middle, low]) as usize];
            self.0.read_exact(&mut payload).ok()?;
            if kind == wanted {
                return Some(flags);
            }
        }
    }

    /// Returns the status of a response that fits into one read.
    pub(crate) fn get(&mut self, path: &str, authorization: &str) -> u16 {
        let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\n\r\n");
        self.0.write_all(head.as_bytes()).unwrap();
        let mut answer = [0; 4096];
        let read = self.0.read(&mut answer).unwrap();
        let answer = std::str::from_utf8(&answer[..read]).unwrap();
        answer
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .unwrap_or_else(|| panic!("{answer:?}"))
    }
}
