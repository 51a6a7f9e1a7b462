//! usage: seeds DIRECTORY
//!
//! Writes the seeds of the fuzz targets into DIRECTORY/TARGET.

use std::path::PathBuf;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let directory = env::args_os().nth(1).ok_or_else(|| io::Error::other("usage: seeds DIRECTORY"))?;
    for seed in fuzz_targets::seeds()? {
        let directory = PathBuf::from(&directory).join(seed.target);
        fs::create_dir_all(&directory)?;
        fs::write(directory.join(seed.name), seed.input)?;
    }
    Ok(())
}
