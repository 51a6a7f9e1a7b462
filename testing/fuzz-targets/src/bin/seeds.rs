//! usage: seeds FOLDER
//!
//! Writes what the fuzz targets begin with into FOLDER/TARGET.

use std::path::PathBuf;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let folder = env::args_os().nth(1).ok_or_else(|| io::Error::other("usage: seeds FOLDER"))?;
    for seed in fuzz_targets::seeds()? {
        let folder = PathBuf::from(&folder).join(seed.target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(seed.name), seed.input)?;
    }
    Ok(())
}
