//! Calls one method and prints the reply, as Kamailio's `kamcmd` does.

pub(crate) mod argument;
pub mod json;
mod pretty;

use crate::outbound::{Client, Reply, Target};
use crate::scrape::diagnosis;
use crate::support::terminal;
use argument::Argument;
use kamailio_binrpc::wire::{Kind, Nodes};
use kamailio_binrpc::{Arg, Error, Members};
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
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("failed to start: {error}"))?;
        let reply = runtime.block_on(async {
            let mut client = Client::connect(target, None, Instant::now() + timeout).await?;
            self.print(client.call(&self.method, &args).await?)
        });
        // A hung name lookup blocks a thread, which we do not wait for.
        runtime.shutdown_background();
        reply.map_err(explained)
    }

    fn print(&self, reply: Reply<'_>) -> Result<(Kind, Vec<u8>), Error> {
        let Reply { records, kind, body, .. } = reply;
        // The records of a fault are its code and reason, of which the error has a part.
        match records {
            Ok(_) | Err(Error::Fault { .. }) => {}
            Err(error) => return Err(error),
        }
        let mut nodes = Nodes::new();
        nodes.decode(body)?;
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
/// The exit code if there is no reply. Kamailio may have executed the method.
const NO_REPLY: u8 = 2;
