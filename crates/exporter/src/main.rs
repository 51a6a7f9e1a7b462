//! `kamailio_exporter`: Prometheus exporter for the SIP server Kamailio.

use std::process::ExitCode;

fn main() -> ExitCode {
    kamailio_exporter::main()
}
