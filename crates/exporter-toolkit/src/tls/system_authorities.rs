//! The certificate authorities that the system trusts.

use crate::{Error, files, pem};
use std::collections::HashSet;
use std::env;
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;

/// Reads the certificate authorities of the system: those of the variables `SSL_CERT_FILE` and `SSL_CERT_DIR` if one of them
/// is set, as OpenSSL does, and otherwise those that the distribution installs. Only regular files are read, each up to
/// [`pem::MAX_FILE`] bytes.
///
/// # Errors
/// If the file with all authorities cannot be read. Unreadable files in a directory are left out.
pub fn read() -> Result<Vec<CertificateDer<'static>>, Error> {
    let variable = |name| env::var_os(name).filter(|value: &OsString| !value.is_empty());
    let file = variable("SSL_CERT_FILE").map(PathBuf::from);
    let directories = variable("SSL_CERT_DIR").iter().flat_map(env::split_paths).collect::<Vec<_>>();
    if file.is_some() || !directories.is_empty() {
        return read_from(file.as_deref(), &directories);
    }
    let installed = openssl_probe::probe();
    read_from(installed.cert_file.as_deref(), &installed.cert_dir)
}

fn read_from(file: Option<&Path>, directories: &[PathBuf]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let mut authorities = Vec::new();
    let mut add = |content: &[u8]| {
        authorities.extend(CertificateDer::pem_slice_iter(content).filter_map(Result::ok));
    };
    // A directory has several links to each file.
    let mut seen = HashSet::new();
    let mut is_new = |path: &Path| {
        std::fs::metadata(path).is_ok_and(|metadata| seen.insert((metadata.dev(), metadata.ino())))
    };
    if let Some(file) = file {
        is_new(file);
        add(&pem::read(file)?);
    }
    let entries = directories.iter().filter_map(|directory| std::fs::read_dir(directory).ok()).flatten();
    let mut paths = entries.filter_map(Result::ok).map(|entry| entry.path()).take(MAX_FILES);
    let mut remaining = MAX_TOTAL;
    while remaining > 0
        && let Some(path) = paths.next()
    {
        if is_new(&path)
            && let Ok(content) = files::read(&path, pem::MAX_FILE)
        {
            remaining = remaining.saturating_sub(content.len());
            add(&content);
        }
    }
    authorities.sort_unstable_by(|left, right| left.as_ref().cmp(right.as_ref()));
    authorities.dedup();
    Ok(authorities)
}

/// Maximum number of files in the directories together: distributions have up to 500, with their links.
const MAX_FILES: usize = 10_000;
/// Maximum number of bytes of the files in the directories: distributions have less than 1 MiB.
const MAX_TOTAL: usize = 8 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::process::Command;

    fn authority() -> String {
        rcgen::generate_simple_self_signed(["authority".to_owned()]).unwrap().cert.pem()
    }

    #[test]
    fn each_authority_of_the_file_and_the_directories_is_read_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let [first, second, third] = [authority(), authority(), authority()];
        fs::write(
            path("all.pem"),
            first.clone() + "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n" + &second,
        )
        .unwrap();
        fs::create_dir(path("certs")).unwrap();
        fs::write(path("certs/second.pem"), &second).unwrap();
        fs::write(path("certs/third.pem"), &third).unwrap();
        symlink(path("certs/third.pem"), path("certs/d34db33f.0")).unwrap();
        let count = |file: Option<&str>, directories: &[PathBuf]| {
            read_from(file.map(path).as_deref(), directories).map(|authorities| authorities.len())
        };
        assert_eq!(count(Some("all.pem"), &[]), Ok(2));
        assert_eq!(count(None, &[path("certs")]), Ok(2));
        assert_eq!(count(Some("all.pem"), &[path("certs"), path("nope"), path("certs")]), Ok(3));
        assert_eq!(count(None, &[]), Ok(0));
        assert!(!read().unwrap().is_empty(), "the system of the tests has authorities");
    }

    #[test]
    fn pipes_devices_directories_and_huge_files_are_refused_or_left_out() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        assert!(Command::new("mkfifo").arg(path("fifo")).status().unwrap().success());
        symlink("/dev/zero", path("device")).unwrap();
        fs::create_dir(path("directory")).unwrap();
        fs::File::create(path("huge")).unwrap().set_len(300 << 20).unwrap();
        symlink(path("nope"), path("dangling")).unwrap();
        for name in ["fifo", "device", "directory", "huge", "dangling"] {
            let error = read_from(Some(&path(name)), &[]).unwrap_err().to_string();
            assert!(error.starts_with("failed to read "), "{name}: {error}");
        }
        fs::write(path("authority.pem"), authority()).unwrap();
        assert_eq!(read_from(None, &[directory.path().to_owned()]).unwrap().len(), 1);
    }
}
