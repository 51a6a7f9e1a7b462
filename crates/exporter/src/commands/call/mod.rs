//! Calls one method and prints the reply, as Kamailio's `kamcmd` does.

pub(crate) mod argument;
pub mod json;
mod pretty;

use crate::scrape::diagnosis;
use crate::support::terminal;
use argument::Argument;
use kamailio_binrpc::wire::{self, Kind, Nodes};
use kamailio_binrpc::{Arg, Client, Error, Members, Target};
use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// The call to make.
#[derive(Debug)]
pub(crate) struct Call {
    /// The method.
    pub method: String,
    /// Its arguments.
    pub arguments: Vec<Argument>,
    /// How to print the reply.
    pub format: Format,
}

/// The format in which the reply is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// As `kamcmd` does.
    Pretty,
    /// JSON without loss of information.
    Json,
}

/// The exit code for an invalid command line: `EX_USAGE` of `sysexits.h`, because 1 and 2 report on the call.
pub(crate) const USAGE: u8 = 64;

impl Call {
    /// Makes the call, once, and prints the reply. The exit code is 1 if the reply is a fault, and 2 if there is no reply.
    pub(crate) fn run(self, target: &Target, timeout: Duration) -> ExitCode {
        let printed =
            self.reply(target, timeout).and_then(|(kind, text)| terminal::print(&text).map(|()| kind));
        match printed {
            Ok(Kind::Fault) => ExitCode::from(FAULT),
            Ok(_) => ExitCode::SUCCESS,
            Err(message) => {
                terminal::print_error(&message);
                ExitCode::from(NO_REPLY)
            }
        }
    }

    fn reply(&self, target: &Target, timeout: Duration) -> Result<(Kind, Vec<u8>), String> {
        let explained = |error: Error| match diagnosis::advice(target, &error) {
            Some(advice) if !matches!(error, Error::Encode(_)) => format!("{error}. {advice}"),
            _ => error.to_string(),
        };
        let args: Vec<Arg<'_>> = self.arguments.iter().map(Argument::as_arg).collect();
        let mut client = Client::connect(target, Instant::now() + timeout).map_err(explained)?;
        let packet = client.call(&self.method, &args).map_err(explained)?.packet();

        // `Reply::records` would turn a fault into an error and lose its records.
        let decode = |nodes: &mut Nodes| {
            let header = wire::header(packet)?.ok_or(Error::NoReply)?;
            let body = packet.get(header.header_len..).unwrap_or_default();
            nodes.decode(body)?;
            Ok((header.kind, body))
        };
        let mut nodes = Nodes::new();
        let (kind, body) = decode(&mut nodes).map_err(explained)?;
        Ok((kind, self.format.write(kind, nodes.members(body))))
    }
}

impl Format {
    fn write(self, kind: Kind, records: Members<'_>) -> Vec<u8> {
        let mut text = Vec::new();
        match self {
            Self::Json => return json::reply(kind, records).into_bytes(),
            Self::Pretty if kind == Kind::Fault => pretty::fault(records, &mut text),
            Self::Pretty => pretty::reply(records, &mut text),
        }
        if std::io::stdout().is_terminal() { terminal::printable(&text) } else { text }
    }
}

const FAULT: u8 = 1;
/// It is unknown whether Kamailio executed the method.
const NO_REPLY: u8 = 2;
