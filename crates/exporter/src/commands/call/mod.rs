//! Calls one method and prints the reply: what Kamailio's `kamcmd` does.

pub(crate) mod argument;
pub(crate) mod capture;
pub mod json;
pub(crate) mod pretty;

use crate::scrape::diagnosis;
use crate::support::terminal;
use argument::Argument;
use capture::Exchange;
use json::Form;
use kamailio_binrpc::wire::{self, Kind, Nodes};
use kamailio_binrpc::{Arg, Client, Error, Target};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How the reply is printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// As `kamcmd` does.
    Pretty,
    /// As JSON, with all that was in the reply.
    Json,
    /// To the files `PATH.req` and `PATH.reply`, which tests can replay.
    Capture(PathBuf),
}

/// The call to make.
#[derive(Debug)]
pub(crate) struct Call {
    /// The method.
    pub method: String,
    /// Its arguments.
    pub arguments: Vec<Argument>,
    /// How to print the reply.
    pub output: Output,
}

impl Call {
    /// Makes the call, once, and prints the reply. A fault is printed too, and exit code 1; without an answer it is 2.
    pub(crate) fn run(self, target: &Target, timeout: Duration) -> ExitCode {
        let printed =
            self.reply(target, timeout).and_then(|(kind, text)| terminal::print(&text).map(|()| kind));
        match printed {
            Ok(Kind::Fault) => ExitCode::from(FAULT),
            Ok(_) => ExitCode::SUCCESS,
            Err(sentence) => {
                terminal::complain(&sentence);
                ExitCode::from(NO_ANSWER)
            }
        }
    }

    fn reply(&self, target: &Target, timeout: Duration) -> Result<(Kind, Vec<u8>), String> {
        let Self { method, arguments, output } = self;
        let explained = |error: Error| match diagnosis::advice(target, &error) {
            Some(advice) if !matches!(error, Error::Encode(_)) => format!("{error}. {advice}"),
            _ => error.to_string(),
        };
        let args: Vec<Arg<'_>> = arguments.iter().map(Argument::as_arg).collect();
        let mut client = Client::connect(target, Instant::now() + timeout).map_err(explained)?;
        let packet = client.call(method, &args).map_err(explained)?.packet();

        // The records of a fault are wanted as they are, too.
        let decode = |nodes: &mut Nodes| {
            let header = wire::header(packet)?.ok_or(Error::NoReply)?;
            let body = packet.get(header.header_len..).unwrap_or_default();
            nodes.decode(body)?;
            Ok((header, body))
        };
        let mut nodes = Nodes::new();
        let (header, body) = decode(&mut nodes).map_err(explained)?;
        let records = nodes.members(body);

        let mut text = Vec::new();
        match output {
            Output::Pretty if header.kind == Kind::Fault => pretty::fault(records, &mut text),
            Output::Pretty => pretty::reply(records, &mut text),
            Output::Json => text = json(header.kind, records).into_bytes(),
            Output::Capture(path) => {
                text =
                    Exchange { method, arguments, packet, header, records }.save(target, path)?.into_bytes();
            }
        }
        if *output == Output::Pretty && std::io::stdout().is_terminal() {
            text = terminal::printable(&text);
        }
        Ok((header.kind, text))
    }
}

fn json(kind: Kind, records: kamailio_binrpc::Members<'_>) -> String {
    let kind = if kind == Kind::Fault { "fault" } else { "reply" };
    let mut text = format!("{{\"type\":\"{kind}\",\"records\":");
    json::records(records, Form::Lossless, &mut text);
    text + "}\n"
}

/// Kamailio answered, and the answer is no.
const FAULT: u8 = 1;
/// Whether it did what it was told nobody knows.
const NO_ANSWER: u8 = 2;
