//! Reads files that an operator names.

use rustix::fs::OFlags;
use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Reads a regular file of at most `limit` bytes.
///
/// # Errors
/// An error that the system reports, a file of another type, and a larger file. A FIFO or a device never blocks the caller.
pub(crate) fn read(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    // Checked after opening: the name may lead to another file by then.
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut content = Vec::new();
    file.take(limit as u64 + 1).read_to_end(&mut content)?;
    if content.len() > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {limit} bytes")));
    }
    Ok(content)
}

/// Reads a regular file of at most `limit` bytes as UTF-8.
///
/// # Errors
/// As [`read`], and text that is not valid UTF-8.
pub(crate) fn read_text(path: &Path, limit: usize) -> io::Result<String> {
    String::from_utf8(read(path, limit)?).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::process::Command;

    #[test]
    fn only_regular_files_up_to_the_limit_are_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::write(path("file"), "12345").unwrap();
        std::os::unix::fs::symlink(path("file"), path("link")).unwrap();
        assert_eq!(read(&path("file"), 5).unwrap(), b"12345");
        assert_eq!(read_text(&path("link"), 6).unwrap(), "12345");
        assert_eq!(read(&path("file"), 4).unwrap_err().to_string(), "larger than 4 bytes");
        assert!(Command::new("mkfifo").arg(path("fifo")).status().unwrap().success());
        for other in [&path("fifo"), directory.path(), Path::new("/dev/zero"), Path::new("/dev/null")] {
            assert_eq!(read(other, 5).unwrap_err().to_string(), "not a regular file", "{}", other.display());
        }
        assert_eq!(read(&path("none"), 5).unwrap_err().kind(), io::ErrorKind::NotFound);
        fs::write(path("file"), b"\xff").unwrap();
        assert_eq!(read_text(&path("file"), 5).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
