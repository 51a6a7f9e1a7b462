//! A call and its reply as files, for the captures that tests replay.

use super::argument::Argument;
use super::json::{self, Form};
use kamailio_binrpc::wire::{self, Header, Kind};
use kamailio_binrpc::{Arg, Cookie, Members, Target};
use serde_json::Value as Json;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// A call that was answered.
#[derive(Clone, Copy)]
pub(crate) struct Exchange<'a> {
    /// The method.
    pub method: &'a str,
    /// Its arguments.
    pub arguments: &'a [Argument],
    /// The reply as it came.
    pub packet: &'a [u8],
    /// What its header says.
    pub header: Header,
    /// What it holds.
    pub records: Members<'a>,
}

impl Exchange<'_> {
    /// Writes `PATH.req` and `PATH.reply`, and returns the entry for `captures/index.json`. The bytes are those that
    /// went over the socket, but for the cookie, which is the same in all captures. The error is a sentence.
    pub(crate) fn save(self, target: &Target, path: &Path) -> Result<String, String> {
        let mut request = Vec::new();
        let arguments: Vec<Arg<'_>> = self.arguments.iter().map(Argument::as_arg).collect();
        wire::encode_request(COOKIE, self.method, &arguments, &mut request)
            .map_err(|error| error.to_string())?;
        let reply = self.reply();
        for (bytes, suffix) in [(&request, "req"), (&reply, "reply")] {
            let file = with_suffix(path, suffix);
            write(&file, bytes).map_err(|error| format!("cannot write {}: {error}", file.display()))?;
        }
        Ok(self.entry(target, path, reply.len()))
    }

    fn reply(&self) -> Vec<u8> {
        let Header { header_len, body_len, .. } = self.header;
        let (head, body) = self.packet.split_at_checked(header_len).unwrap_or_default();
        // Magic number, version and flags, then the length, which is as many bytes as the flags say.
        let length = head.get(..2).and_then(|flags| head.get(2..3 + usize::from(flags[1] >> 2 & 3)));
        let mut reply = head.get(..2).unwrap_or_default().to_vec();
        if let Some(flags) = reply.last_mut() {
            *flags |= COOKIE_SIZE;
        }
        reply.extend_from_slice(length.unwrap_or_default());
        reply.extend_from_slice(&COOKIE.0.to_be_bytes());
        reply.extend_from_slice(body.get(..body_len).unwrap_or(body));
        reply
    }

    fn entry(&self, target: &Target, path: &Path, total_len: usize) -> String {
        let version = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let kind = if self.header.kind == Kind::Fault { "fault" } else { "reply" };
        let transport = match target {
            Target::Unix(_) => "unix",
            Target::UnixDatagram(_) => "unixd",
            Target::Tcp(_) => "tcp",
            Target::Udp(_) => "udp",
        };
        let arguments = self.arguments.iter().map(|argument| match argument {
            Argument::Int(int) => Json::from(*int),
            Argument::Double(double) => Json::from(*double),
            Argument::Text(text) => Json::from(String::from_utf8_lossy(text)),
        });
        let mut records = String::new();
        json::records(self.records, Form::Index, &mut records);
        format!(
            "{{\"version\": {}, \"method\": {}, \"args\": {}, \"instance\": \"main\", \"transport\": \"{transport}\", \
             \"request\": {}, \"reply\": {}, \"type\": \"{kind}\", \"cookie\": {}, \"payload_len\": {}, \
             \"total_len\": {total_len}, \"records\": {records}}}\n",
            Json::from(&*version),
            Json::from(self.method),
            arguments.collect::<Json>(),
            Json::from(format!("{version}/{name}.req")),
            Json::from(format!("{version}/{name}.reply")),
            COOKIE.0,
            self.header.body_len,
        )
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    // A method has dots in its name, which are no extension.
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}

fn write(file: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(file, bytes)
}

/// The cookie of all captures, so that the same call is the same bytes.
const COOKIE: Cookie = Cookie(0x1bad_cafe);
/// In the header's flags: a cookie of four bytes.
const COOKIE_SIZE: u8 = 3;
