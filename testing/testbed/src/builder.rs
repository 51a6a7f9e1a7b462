//! The settings of a Kamailio that differ from the demo configuration.

use std::{fmt::Write as _, fs};

use crate::{
    Kamailio, Release,
    address::Address,
    directory::Directory,
    kamailio::Launch,
    paths::{find, repository},
};

/// The differences of a test's [`Kamailio`] from the demo configuration.
#[derive(Debug)]
#[must_use]
pub struct Builder {
    demo: &'static str,
    config: String,
    defines: Vec<String>,
    destinations: Option<u16>,
    memory: Option<u32>,
    release: Option<Release>,
}

impl Builder {
    /// Adds lines to the end of the configuration: parameters, modules, event routes.
    pub fn config(mut self, lines: &str) -> Self {
        self.config.push_str(lines);
        self.config.push('\n');
        self
    }

    /// Loads one more module, by its name without ".so".
    pub fn module(self, name: &str) -> Self {
        self.config(&format!("loadmodule \"{name}.so\""))
    }

    /// Leaves a part out: "tcp", "statistics", "usrloc", "dialog", "dispatcher", "htable", "dmq", or
    /// "ping", the dispatcher's pings, which change the states and latencies of its destinations.
    pub fn without(mut self, what: &str) -> Self {
        assert!(OPTIONAL.contains(&what), "{what:?} cannot be left out, only {OPTIONAL:?}");
        self.defines.push(format!("WITHOUT_{}", what.to_uppercase()));
        self
    }

    /// Replaces the dispatcher's list by `count` destinations in set 1, which are not pinged. `count` may be 0.
    pub fn destinations(mut self, count: u16) -> Self {
        self.destinations = Some(count);
        self.without("ping")
    }

    /// Sets the shared memory in MiB, for more than a few hundred calls per second: each transaction is kept for five
    /// seconds after its end, or for tm's `wt_timer`.
    pub fn memory(self, mib: u32) -> Self {
        Self { memory: Some(mib), ..self }
    }

    /// Uses demo/many-modules.cfg instead of demo/kamailio.cfg.
    pub fn many_modules(self) -> Self {
        Self { demo: MANY_MODULES, ..self }
    }

    /// Starts the Kamailio of a release instead of the one on the PATH.
    pub fn release(self, release: Release) -> Self {
        Self { release: Some(release), ..self }
    }

    /// Starts Kamailio, and returns when it is ready.
    #[must_use]
    pub fn start(self) -> Kamailio {
        let address = Address::claim();
        let directory = Directory::new();
        let launch = self.prepare(&address, &directory);
        Kamailio::launch(address, directory, launch)
    }

    /// Writes the configuration files.
    pub(crate) fn prepare(self, address: &Address, directory: &Directory) -> Launch {
        let demo = repository("demo").join(self.demo).with_extension("cfg");
        let config = format!("#!KAMAILIO\ninclude_file \"{}\"\n{}", demo.display(), self.config);
        write(directory, "kamailio.cfg", &config);
        if let Some(count) = self.destinations {
            let mut list = String::new();
            for n in 0..count {
                let _ = writeln!(list, "1 sip:{}:{} 0 0", address.ip, FIRST_DESTINATION + n);
            }
            write(directory, "destinations", &list);
        }
        let program = |name| self.release.map_or_else(|| find(name), |release| release.program(name));
        program("kamailio");
        Launch {
            script: demo.with_extension("sh"),
            kamcmd: program("kamcmd"),
            environment: self.release.map(Release::environment).unwrap_or_default(),
            defines: self.defines,
            memory: self.memory.map(|mib| mib.to_string()),
            list: self.destinations.map(|_| directory.path().join("destinations")),
            media_proxy: self.demo == MANY_MODULES,
        }
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            demo: "kamailio",
            config: String::new(),
            defines: Vec::new(),
            destinations: None,
            memory: None,
            release: None,
        }
    }
}

fn write(directory: &Directory, name: &str, text: &str) {
    let path = directory.path().join(name);
    fs::write(&path, text).unwrap_or_else(|e| panic!("cannot write {}: {e}", path.display()));
}

const MANY_MODULES: &str = "many-modules";

const OPTIONAL: [&str; 8] = ["tcp", "statistics", "usrloc", "dialog", "dispatcher", "htable", "dmq", "ping"];

/// The port of the first destination. No process listens on these ports.
const FIRST_DESTINATION: u16 = 30_000;
