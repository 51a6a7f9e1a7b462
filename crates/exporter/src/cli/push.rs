//! The options of `push`.

use super::credentials::{self, file};
use super::environment::list;
use super::kamailio;
use super::values::{option, switch, text, time};
use crate::commands::push::{Gateway, Group, Push};
use crate::outbound::http::{TlsFiles, Url};
use clap::{Arg, ArgAction, ArgMatches, Command};
use std::time::Duration;

pub(super) const PUSH: &str = "push";

pub(super) fn command() -> Command {
    Command::new(PUSH)
        .about("Push metrics to a Pushgateway, for hosts that Prometheus cannot reach.")
        .args([
            option("gateway", "", "URL").hide_default_value(true).help(
                "URL of the Pushgateway: http://HOST:PORT or https://HOST:PORT, with its path prefix, if any. Required.",
            ),
            option("interval", "15s", "DURATION").help("Time between two pushes. At least 1s."),
            option("job", "kamailio", "NAME").help("Value of the job label in the grouping key."),
            Arg::new("instance")
                .long("instance")
                .value_name("NAME")
                .help("Value of the instance label in the grouping key. Defaults to the host name."),
            Arg::new("grouping")
                .long("grouping")
                .value_name("NAME=VALUE")
                .action(ArgAction::Append)
                .help(
                    "Additional label in the grouping key. It replaces labels of the same name in the metrics. \
                     Repeatable.",
                ),
            option("basic-auth.username", "", "NAME")
                .hide_default_value(true)
                .help("User name for basic authentication at the Pushgateway."),
            file(
                "basic-auth.password-file",
                "Path of a file with the password for basic authentication. Read before each push.",
            ),
            file(
                "tls.ca-file",
                "Path of a PEM file with the certificate authorities to verify the Pushgateway's certificate, or with \
                 that certificate itself. Defaults to the system's authorities. Read before each push.",
            ),
            file("tls.cert-file", "Path of a PEM file with the client certificate to present. Read before each push."),
            file("tls.key-file", "Path of a PEM file with the key of the client certificate. Read before each push."),
            switch("delete-on-exit").help("Delete the group from the Pushgateway on SIGTERM or SIGINT."),
        ])
        .args(kamailio::options().chain([kamailio::label()]))
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
            basic_auth: credentials::basic_auth(matches, "")?,
            tls: tls(matches, &url)?,
            url,
        },
        labels: kamailio::labels(matches)?,
        interval,
        delete_on_exit: matches.get_flag("delete-on-exit"),
    })
}

/// Parses the URL of the Pushgateway. The errors do not repeat the URL, because it may contain a password.
fn url(text: &str) -> Result<Url, String> {
    if text.is_empty() {
        return Err(
            "--gateway is required: the URL of the Pushgateway, for example http://HOST:9091".to_owned()
        );
    }
    if text.contains('@') {
        return Err("--gateway must not contain a user name or password, because every user of this machine could read them: use \
                    --basic-auth.username and --basic-auth.password-file"
            .to_owned());
    }
    let wrong = || "--gateway must have the form http://HOST:PORT/PATH or https://HOST:PORT/PATH".to_owned();
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
    for label in list(matches, "grouping")? {
        match label.split_once('=') {
            Some((name @ ("job" | "instance"), _)) => {
                return Err(format!("--grouping \"{label}\": use --{name} to set this label"));
            }
            Some((name, value)) => labels.push((name.to_owned(), value.to_owned())),
            None => {
                return Err(format!(
                    "--grouping \"{label}\" must have the form NAME=VALUE, for example site=berlin"
                ));
            }
        }
    }
    let job = text(matches, "job");
    if job.is_empty() {
        return Err("--job must not be empty".to_owned());
    }
    Group::new(job, labels).map_err(|error| format!("--grouping: {error}"))
}

fn tls(matches: &ArgMatches, url: &Url) -> Result<TlsFiles, String> {
    let tls = credentials::tls(matches, "")?;
    if tls != TlsFiles::default() && !url.is_https() {
        return Err("--tls options require a --gateway that starts with https://".to_owned());
    }
    Ok(tls)
}

/// More frequent pushes would load Kamailio, and Prometheus does not scrape the Pushgateway more often.
const MIN_INTERVAL: Duration = Duration::from_secs(1);
