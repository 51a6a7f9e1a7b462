//! Reads values of Kamailio's processes and sockets from the local kernel, and the expiry of Kamailio's certificates from their
//! files.
//!
//! Kamailio's replies name process IDs and addresses. A process ID means something only in the PID namespace of its process, so
//! nothing is read before the kernel has confirmed that both programs share the namespace: the process ID of the other end of
//! the unix socket is one that Kamailio lists.

mod certificates;
mod listed;
mod process;
mod processes;
mod sock_diag;
mod sockets;

pub use listed::{Listed, ListedProcess};

use certificates::Certificates;
use processes::Processes;
use prometheus_exposition::Samples;
use sockets::Sockets;
use std::path::PathBuf;

/// The readers for one Kamailio, with what they keep from scrape to scrape.
#[derive(Default)]
pub struct Observer {
    processes: Processes,
    sockets: Sockets,
    certificates: Certificates,
}

impl Observer {
    /// Adds the samples of the processes that Kamailio listed.
    ///
    /// # Errors
    /// A human-readable message if the processes cannot be seen.
    pub fn processes(&mut self, listed: &Listed, samples: &mut Samples) -> Result<(), String> {
        self.processes.read(listed, samples)
    }

    /// Adds the samples of the sockets that Kamailio listed.
    ///
    /// # Errors
    /// A human-readable message if the sockets cannot be seen.
    pub fn sockets(&mut self, listed: &Listed, samples: &mut Samples) -> Result<(), String> {
        self.sockets.read(listed, samples)
    }

    /// Adds the samples of the certificates in these files.
    ///
    /// # Errors
    /// A human-readable message about a file that cannot be read.
    pub(super) fn certificates(&mut self, files: &[PathBuf], samples: &mut Samples) -> Result<(), String> {
        self.certificates.read(files, samples)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reader_reports_what_it_cannot_read() {
        let (mut observer, mut samples) = (Observer::default(), Samples::new(usize::MAX));
        let listed = Listed { peer: None, processes: Vec::new(), sockets: Vec::new() };
        let namespace = Err("Kamailio runs in another PID namespace".to_owned());
        assert_eq!(observer.processes(&listed, &mut samples), namespace);
        assert_eq!(observer.sockets(&listed, &mut samples), namespace);
        let error = observer.certificates(&["/nowhere/a.pem".into()], &mut samples).unwrap_err();
        assert!(error.contains("/nowhere/a.pem"), "{error}");
    }
}
