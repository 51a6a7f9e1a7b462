//! Files named by an operator: certificates, keys, passwords, configurations.

use rustix::fs::{Mode, OFlags};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// Reads a regular file of at most `limit` bytes. A named pipe, a device or a directory is an error and not read, so that
/// none of them can block the program or fill the memory.
///
/// # Errors
/// If the file cannot be read, is not a regular file or is longer than `limit`. The message does not repeat the path.
pub fn read(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    // Without `NONBLOCK`, opening a named pipe would wait for a writer. Without `NOCTTY`, a terminal could become ours.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    // Checked after opening: the path can lead to another file by now.
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut content = Vec::new();
    // One more byte shows that the file is longer.
    file.take(limit as u64 + 1).read_to_end(&mut content)?;
    if content.len() > limit {
        return Err(io::Error::other(format!("the file is longer than the limit of {limit} bytes")));
    }
    Ok(content)
}

/// Reads a regular file of at most `limit` bytes as UTF-8.
///
/// # Errors
/// As [`read`], and text that is not valid UTF-8.
pub fn read_text(path: &Path, limit: usize) -> io::Result<String> {
    String::from_utf8(read(path, limit)?).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    #[test]
    fn regular_files_within_the_limit_are_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("file"), "12345").unwrap();
        symlink(path("file"), path("link")).unwrap();
        assert_eq!(read(&path("file"), 5).unwrap(), b"12345");
        assert_eq!(read(&path("link"), 6).unwrap(), b"12345");
        let error = read(&path("file"), 4).unwrap_err().to_string();
        assert_eq!(error, "the file is longer than the limit of 4 bytes");
        assert_eq!(read(&path("nope"), 4).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn pipes_devices_directories_and_sockets_are_refused_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let fifo = std::process::Command::new("mkfifo").arg(path("fifo")).status();
        assert!(fifo.unwrap().success());
        symlink("/dev/zero", path("zero")).unwrap();
        for path in
            [path("fifo"), path("zero"), directory.path().into(), "/dev/full".into(), "/dev/null".into()]
        {
            assert_eq!(read(&path, 10).unwrap_err().to_string(), "not a regular file", "{path:?}");
        }
        let _socket = UnixListener::bind(path("socket")).unwrap();
        assert!(read(&path("socket"), 10).is_err());
        // A terminal without a process group of ours.
        assert!(read(Path::new("/dev/tty"), 10).is_err());
    }

    #[test]
    fn a_file_that_grows_or_has_no_size_is_limited_too() {
        assert!(!read(Path::new("/proc/self/status"), 1 << 20).unwrap().is_empty());
        assert!(read(Path::new("/proc/self/status"), 10).is_err());
        let sparse = tempfile::NamedTempFile::new().unwrap();
        sparse.as_file().set_len(300 << 20).unwrap();
        assert!(read(sparse.path(), 1 << 20).is_err());
    }
}
