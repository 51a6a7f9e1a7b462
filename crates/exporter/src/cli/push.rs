//! The options of the command that pushes.

use super::kamailio;
use super::values::{option, switch, text, time};
use crate::commands::push::{BasicAuth, Gateway, Group, Push};
use crate::outbound::http::{TlsFiles, Url};
use clap::{Arg, ArgAction, ArgMatches, Command};
use std::path::PathBuf;
use std::time::Duration;

pub(super) const PUSH: &str = "push";

pub(super) fn command() -> Command {
    Command::new(PUSH)
        .about("Push the metrics to a Pushgateway, from where Prometheus cannot reach.")
        .args([
            option("gateway", "", "URL").hide_default_value(true).help(
                "The address of the Pushgateway: http://HOST:PORT or https://HOST:PORT, with its path if it has one.",
            ),
            option("interval", "15s", "DURATION").help("From one push to the next; 1s at least."),
            option("job", "kamailio", "NAME").help("The label job of the group that is pushed."),
            Arg::new("instance")
                .long("instance")
                .value_name("NAME")
                .help("The label instance of the group. Without it, the name of this machine."),
            Arg::new("grouping")
                .long("grouping")
                .value_name("NAME=VALUE")
                .action(ArgAction::Append)
                .help("One more label of the group. It replaces labels of its name in the metrics. Repeatable."),
            option("basic-auth.username", "", "NAME")
                .hide_default_value(true)
                .help("The user, for a Pushgateway that asks for one."),
            file("basic-auth.password-file", "The file with the password. It is read for each push."),
            file(
                "tls.ca-file",
                "The authorities that the Pushgateway's certificate has to be signed by, or that certificate, in PEM. \
                 Without it, the system's.",
            ),
            file("tls.cert-file", "The certificate to show to the Pushgateway, in PEM."),
            file("tls.key-file", "Its key, in PEM."),
            switch("delete-on-exit").help("Delete the group when told to end."),
        ])
        .args(kamailio::options())
}

fn file(name: &'static str, help: &'static str) -> Arg {
    option(name, "", "FILE").hide_default_value(true).help(help)
}

pub(super) fn resolve(matches: &ArgMatches) -> Result<Push, String> {
    let interval = time(matches, "interval")?;
    if interval < MIN_INTERVAL {
        return Err(format!("--interval {:?} is shorter than {MIN_INTERVAL:?}", text(matches, "interval")));
    }
    let url = url(text(matches, "gateway"))?;
    Ok(Push {
        settings: kamailio::settings(matches)?,
        gateway: Gateway {
            group: group(matches)?,
            basic_auth: basic_auth(matches)?,
            tls: tls(matches, &url)?,
            url,
        },
        interval,
        delete_on_exit: matches.get_flag("delete-on-exit"),
    })
}

/// The errors do not repeat the address: there may be a password in it.
fn url(text: &str) -> Result<Url, String> {
    if text.is_empty() {
        return Err("--gateway is missing: the address of the Pushgateway, as in http://HOST:9091".to_owned());
    }
    if text.contains('@') {
        return Err("--gateway may have no user and no password in it, which everybody on this machine could read: use \
                    --basic-auth.username and --basic-auth.password-file"
            .to_owned());
    }
    let wrong = || {
        "--gateway is not an address of the form http://HOST:PORT/PATH or https://HOST:PORT/PATH".to_owned()
    };
    match Url::parse(text) {
        Ok(url) if url.query().is_none() => Ok(url),
        _ => Err(wrong()),
    }
}

fn group(matches: &ArgMatches) -> Result<Group, String> {
    let instance = match matches.get_one::<String>("instance") {
        Some(instance) => instance.clone(),
        None => rustix::system::uname().nodename().to_string_lossy().into_owned(),
    };
    let mut labels = vec![("instance".to_owned(), instance)];
    for label in matches.get_many::<String>("grouping").unwrap_or_default() {
        match label.split_once('=') {
            Some((name @ ("job" | "instance"), _)) => {
                return Err(format!("--grouping \"{label}\": this label has the option --{name}"));
            }
            Some((name, value)) => labels.push((name.to_owned(), value.to_owned())),
            None => return Err(format!("--grouping \"{label}\" is not NAME=VALUE, for example site=berlin")),
        }
    }
    let job = text(matches, "job");
    if job.is_empty() {
        return Err("--job may not be empty".to_owned());
    }
    Group::new(job, labels).map_err(|error| format!("--grouping: {error}"))
}

fn basic_auth(matches: &ArgMatches) -> Result<Option<BasicAuth>, String> {
    match (text(matches, "basic-auth.username"), path(matches, "basic-auth.password-file")) {
        ("", None) => Ok(None),
        (username, _) if username.contains(':') => {
            Err("--basic-auth.username may have no colon in it".to_owned())
        }
        (username, Some(password_file)) if !username.is_empty() => {
            Ok(Some(BasicAuth { username: username.to_owned(), password_file }))
        }
        _ => Err("--basic-auth.username and --basic-auth.password-file go together".to_owned()),
    }
}

fn tls(matches: &ArgMatches, url: &Url) -> Result<TlsFiles, String> {
    let identity = match (path(matches, "tls.cert-file"), path(matches, "tls.key-file")) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        _ => return Err("--tls.cert-file and --tls.key-file go together".to_owned()),
    };
    let tls = TlsFiles { ca: path(matches, "tls.ca-file"), identity };
    if tls != TlsFiles::default() && !url.is_https() {
        return Err("--tls options need a --gateway that begins with https://".to_owned());
    }
    Ok(tls)
}

fn path(matches: &ArgMatches, name: &str) -> Option<PathBuf> {
    Some(text(matches, name)).filter(|file| !file.is_empty()).map(PathBuf::from)
}

/// More often, pushes would be a load on Kamailio, and Prometheus does not look as often.
const MIN_INTERVAL: Duration = Duration::from_secs(1);
