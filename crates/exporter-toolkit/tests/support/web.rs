//! Certificates, web configuration files, and clients.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType,
};
use std::fs::Permissions;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned};

/// A directory with `ca.pem`, `server.pem` and `server.key`, and what a test adds to it.
pub(crate) struct Directory {
    directory: tempfile::TempDir,
    authority: Issuer<'static, KeyPair>,
}

impl Directory {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "Authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        let directory = Self { directory: tempfile::tempdir().unwrap(), authority: Issuer::new(params, key) };
        directory.write("ca.pem", &pem);
        directory.write("ca.key", &directory.authority.key().serialize_pem());
        directory.certificate("server", &["localhost"], ExtendedKeyUsagePurpose::ServerAuth);
        directory
    }

    /// Writes `NAME.pem` and `NAME.key`, signed by the authority, for these DNS names and 127.0.0.1.
    pub(crate) fn certificate(&self, name: &str, names: &[&str], purpose: ExtendedKeyUsagePurpose) {
        let mut params = params(names);
        params.extended_key_usages = vec![purpose];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.authority).unwrap();
        // The key first: a server that reads in between sees that the two do not belong together.
        self.replace(&format!("{name}.key"), &key.serialize_pem());
        self.replace(&format!("{name}.pem"), &certificate.pem());
    }

    pub(crate) fn client(&self, name: &str, names: &[&str]) {
        self.certificate(name, names, ExtendedKeyUsagePurpose::ClientAuth);
    }

    /// Writes a self-signed certificate that is an authority, such as `openssl req -x509` makes.
    pub(crate) fn self_signed(&self, name: &str, names: &[&str]) {
        let mut params = params(names);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        self.write(&format!("{name}.pem"), &params.self_signed(&key).unwrap().pem());
        self.write(&format!("{name}.key"), &key.serialize_pem());
    }

    /// Writes `NAME.pem` and `NAME.key` with an RSA key, signed by the authority, for localhost.
    pub(crate) fn rsa(&self, name: &str, bits: u32) {
        let (key, new) = (self.path(&format!("{name}.key")), format!("rsa:{bits}"));
        let status = Command::new("openssl")
            .args(["req", "-x509", "-nodes", "-subj", "/CN=localhost", "-newkey", &new])
            .args([
                "-addext",
                "subjectAltName=DNS:localhost",
                "-addext",
                "basicConstraints=critical,CA:FALSE",
            ])
            .args(["-CA".as_ref(), self.path("ca.pem").as_os_str(), "-CAkey".as_ref()])
            .args([self.path("ca.key").as_os_str(), "-keyout".as_ref(), key.as_os_str(), "-out".as_ref()])
            .arg(self.path(&format!("{name}.pem")))
            .stderr(Stdio::null())
            .status();
        assert!(status.unwrap().success());
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Writes a file in place, so that for a moment it is empty.
    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.path(name), text).unwrap();
        std::fs::set_permissions(self.path(name), Permissions::from_mode(0o600)).unwrap();
        self.path(name).display().to_string()
    }

    /// Replaces a file by a rename.
    pub(crate) fn replace(&self, name: &str, text: &str) {
        self.write("new", text);
        std::fs::rename(self.path("new"), self.path(name)).unwrap();
    }

    /// Writes `web.yml`: a TLS section with the further lines `section`, followed by `rest`.
    pub(crate) fn tls(&self, section: &str, rest: &str) -> String {
        self.write("web.yml", &self.tls_text(section, rest))
    }

    /// Returns the text that [`tls`](Self::tls) writes.
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
            .current_dir(self.directory.path())
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
    /// 0 for a response, 35 for a failed TLS handshake, 56 for a broken connection.
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

/// Returns the value of an `Authorization` header.
pub(crate) fn basic(user: &str, password: &str) -> String {
    use base64::Engine as _;
    format!("Basic {}", base64::prelude::BASE64_STANDARD.encode(format!("{user}:{password}")))
}

/// Connects from this loopback address.
pub(crate) fn connect_from(source: IpAddr, address: &str) -> io::Result<TcpStream> {
    use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    bind(&socket, &SocketAddr::new(source, 0))?;
    connect(&socket, &address.parse::<SocketAddr>().unwrap())?;
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    stream.set_nodelay(true)?;
    Ok(stream)
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
pub(crate) struct TlsConnection<S: Read + Write = TcpStream>(StreamOwned<ClientConnection, S>);

impl TlsClient {
    /// Returns a client that uses HTTP/2.
    pub(crate) fn with_http2(self) -> Self {
        let mut config = Arc::unwrap_or_clone(self.0);
        config.alpn_protocols = vec![b"h2".to_vec()];
        Self(Arc::new(config))
    }

    /// Returns the first message of a handshake.
    pub(crate) fn client_hello(&self) -> Vec<u8> {
        let mut hello = Vec::new();
        let mut client = ClientConnection::new(self.0.clone(), "localhost".try_into().unwrap()).unwrap();
        client.write_tls(&mut hello).unwrap();
        hello
    }

    pub(crate) fn connect(&self, address: &str) -> TlsConnection {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.set_nodelay(true).unwrap();
        self.over(stream)
    }

    pub(crate) fn over<S: Read + Write>(&self, stream: S) -> TlsConnection<S> {
        let connection = ClientConnection::new(self.0.clone(), "localhost".try_into().unwrap()).unwrap();
        TlsConnection(StreamOwned::new(connection, stream))
    }
}

impl<S: Read + Write> TlsConnection<S> {
    /// Returns whether the handshake was full and not resumed. Valid after a response.
    pub(crate) fn is_full_handshake(&self) -> bool {
        self.0.conn.handshake_kind() == Some(HandshakeKind::Full)
    }

    /// Sends bytes, and returns the flags of the next HTTP/2 frame of this type; `None` at the end of the connection.
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

    /// Sends a request, and returns the status of a response that fits into one read.
    pub(crate) fn get(&mut self, path: &str, authorization: &str) -> u16 {
        self.try_get(path, authorization).unwrap()
    }

    pub(crate) fn try_get(&mut self, path: &str, authorization: &str) -> io::Result<u16> {
        self.send(
            format!("GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\n\r\n").as_bytes(),
        )?;
        let mut response = [0; 4096];
        let read = self.0.read(&mut response)?;
        let response = String::from_utf8_lossy(&response[..read]);
        let status = response.split(' ').nth(1).and_then(|status| status.parse().ok());
        status.ok_or_else(|| io::Error::other(format!("{response:?}")))
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)?;
        self.0.flush()
    }

    pub(crate) fn stream(&mut self) -> &mut (impl Read + Write + use<S>) {
        &mut self.0
    }
}
