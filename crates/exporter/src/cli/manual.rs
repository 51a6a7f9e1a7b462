//! The sections of the manual pages that the definition of the options does not contain.

use super::PROGRAM;
use crate::collectors::ALL;
use clap_mangen::roff::{Roff, bold, roman};

/// How to use a command.
struct Usage {
    command: &'static str,
    /// Exit codes with their meanings.
    exit_status: &'static [(&'static str, &'static str)],
    /// Purposes with command lines.
    examples: &'static [(&'static str, &'static str)],
}

/// Returns the section of the manual page that lists the methods.
pub(super) fn methods() -> String {
    let mut section = Roff::new();
    section.control("SH", ["METHODS"]);
    for collector in ALL {
        let selected_by = if collector.default { "auto" } else { "all" };
        section.control("TP", []);
        section.text([bold(collector.name)]);
        section.text([roman(format!("{} Selected by {selected_by}.", collector.help))]);
    }
    section.to_roff()
}

/// Returns the sections that the definition of the options does not contain.
pub(super) fn sections(command: &str) -> String {
    let mut page = Roff::new();
    if let Some(Usage { exit_status, examples, .. }) = USAGES.iter().find(|usage| usage.command == command) {
        page.control("SH", ["EXIT STATUS"]);
        for (code, meaning) in *exit_status {
            page.control("TP", []);
            page.text([bold(*code)]);
            page.text([roman(*meaning)]);
        }
        page.control("SH", ["EXAMPLES"]);
        for (purpose, line) in *examples {
            page.control("TP", []);
            page.text([roman(*purpose)]);
            page.text([bold(*line)]);
        }
    }
    page.control("SH", ["FILES"]);
    page.control("TP", []);
    page.text([bold("/var/run/kamailio/kamailio_ctl")]);
    page.text([roman("Default socket of Kamailio's module ctl.")]);
    page.control("SH", ["SEE ALSO"]);
    page.text([roman("kamailio(8), kamcmd(8), prometheus(1)")]);
    page.to_roff()
}

const USAGES: [Usage; 6] = [
    Usage {
        command: PROGRAM,
        exit_status: &[
            ("0", "A signal stopped the program."),
            ("1", "The program failed, or the command line is invalid."),
        ],
        examples: &[
            ("Expose the metrics of the local Kamailio on port 9494:", "kamailio_exporter"),
            (
                "Read a Kamailio over TCP, with TLS and users for the exporter itself:",
                "kamailio_exporter -u tcp:10.0.0.5:2049 --web.config.file=/etc/kamailio_exporter/web.yml",
            ),
            (
                "Let Prometheus probe the Kamailios of a network:",
                "kamailio_exporter --probe.allow=tcp:10.0.0.0/8:2049",
            ),
        ],
    },
    Usage {
        command: "push",
        exit_status: &[
            ("0", "A signal stopped the program."),
            ("1", "The program failed, or the command line is invalid."),
        ],
        examples: &[(
            "Push to a Pushgateway every 30 seconds:",
            "kamailio_exporter push --gateway http://10.0.0.9:9091 --interval 30s",
        )],
    },
    Usage {
        command: "once",
        exit_status: &[
            ("0", "The metrics are written."),
            ("1", "Kamailio did not respond, writing failed, or the command line is invalid."),
        ],
        examples: &[(
            "Write a file for node_exporter's textfile collector:",
            "kamailio_exporter once -o /var/lib/prometheus/node-exporter/kamailio.prom",
        )],
    },
    Usage {
        command: "call",
        exit_status: &[
            ("0", "Kamailio replied."),
            ("1", "The reply is a fault."),
            ("2", "There is no valid reply."),
            ("64", "The command line is invalid."),
        ],
        examples: &[(
            "Print the dispatcher sets as JSON:",
            "kamailio_exporter call --format json dispatcher.list",
        )],
    },
    Usage {
        command: "check",
        exit_status: &[
            ("0", "There are no problems."),
            ("1", "There are warnings."),
            ("2", "The exporter cannot scrape Kamailio."),
            ("3", "The check could not run, or the command line is invalid."),
        ],
        examples: &[
            ("Check whether the user prometheus can scrape:", "kamailio_exporter check --user prometheus"),
            ("Run as a plugin of Nagios or Icinga:", "kamailio_exporter check --nagios -t 2s"),
        ],
    },
    Usage {
        command: "healthcheck",
        exit_status: &[
            ("0", "The exporter responds."),
            ("1", "The exporter does not respond with status 200, or the command line is invalid."),
        ],
        examples: &[(
            "Check an exporter on another port:",
            "kamailio_exporter healthcheck http://127.0.0.1:9495/-/healthy",
        )],
    },
];
