//! `fake-kamailio --captures DIRECTORY --version 5.6.3 --listen unix:/path [--listen URI]...`: a ctl server that replays
//! captures, for demonstrations on a machine without Kamailio. Runs until killed.

use fake_kamailio::{Captures, Fake};
use kamailio_binrpc::Target;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;

fn main() -> ExitCode {
    match start() {
        Ok(_fake) => loop {
            thread::park();
        },
        Err(error) => {
            eprintln!("fake-kamailio: {error}");
            eprintln!(
                "usage: fake-kamailio [--captures DIRECTORY] [--version VERSION] --listen URI [--listen URI]..."
            );
            ExitCode::FAILURE
        }
    }
}

fn start() -> Result<Fake, Box<dyn Error>> {
    let mut directory = PathBuf::from("captures");
    let mut version = "5.6.3".to_owned();
    let mut targets = Vec::<Target>::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(option) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{option} needs a value"))?;
        match option.as_str() {
            "--captures" => directory = value.into(),
            "--version" => version = value,
            "--listen" => targets.push(value.parse()?),
            _ => return Err(format!("unknown option {option}").into()),
        }
    }
    if targets.is_empty() {
        return Err("--listen is needed".into());
    }
    let captures = load(&directory.join(version))?;
    let fake = Fake::listen(captures, &targets)?;
    for target in &targets {
        println!("listening on {target}");
    }
    Ok(fake)
}

fn load(directory: &Path) -> Result<Captures, String> {
    Captures::load(directory)
        .map_err(|error| format!("cannot read captures in {}: {error}", directory.display()))
}
