//! Replaces a file that other programs may read at any time.

use rustix::process::geteuid;
use std::fs::{self, Metadata, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

/// Replaces a file atomically: a reader gets either the complete old content or the complete new one, also after a crash.
/// Keeps the file's mode if the file belongs to the current user; other files become readable by all users. The error is a
/// human-readable message, and leaves the old file in place.
pub(super) fn replace(path: &Path, content: &[u8]) -> Result<(), String> {
    let mode = match fs::symlink_metadata(path) {
        Ok(old) if old.is_file() => kept_mode(&old, geteuid().as_raw()),
        // Renaming would replace a symbolic link or a device itself.
        Ok(_) => return Err(format!("{} is not a regular file, so it is not replaced", path.display())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => NEW_MODE,
        Err(error) => return Err(format!("cannot replace {}: {error}", path.display())),
    };
    write(path, content, mode).map_err(|error| {
        let directory = directory_of(path).display();
        let advice = match error.kind() {
            io::ErrorKind::NotFound => format!("; create the directory {directory}"),
            io::ErrorKind::PermissionDenied => {
                format!("; allow this user to create files in the directory {directory}")
            }
            _ => String::new(),
        };
        format!("cannot replace {}: {error}{advice}", path.display())
    })
}

fn write(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let Some(name) = path.file_name() else { return Err(io::ErrorKind::IsADirectory.into()) };
    let prefix = format!(".{}.", name.to_string_lossy());
    // Renaming works within a file system only. node_exporter would read a name that matches `*.prom`.
    let directory = directory_of(path);
    let create = |path: &Path| OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = tempfile::Builder::new().prefix(&prefix).suffix(SUFFIX).make_in(directory, create)?;
    file.as_file_mut().write_all(content)?;
    file.as_file().set_permissions(Permissions::from_mode(mode))?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    remove_abandoned(directory, &prefix);
    Ok(())
}

/// Removes the temporary files of processes that were killed. A younger file may belong to one that is running.
fn remove_abandoned(directory: &Path, prefix: &str) {
    let is_abandoned = |entry: &fs::DirEntry| {
        let name = entry.file_name();
        let is_ours = name.to_str().is_some_and(|name| name.starts_with(prefix) && name.ends_with(SUFFIX));
        let modified = || entry.metadata().ok()?.modified().ok()?.elapsed().ok();
        is_ours && modified().is_some_and(|age| age > ABANDONED)
    };
    for entry in fs::read_dir(directory).into_iter().flatten().flatten().filter(is_abandoned) {
        // Another process may have removed the file.
        let _ = fs::remove_file(entry.path());
    }
}

/// Returns the mode of the new file: that of the old one, unless the old file is another user's, who may have allowed more than
/// the current user intends.
fn kept_mode(old: &Metadata, user: u32) -> u32 {
    if old.uid() == user { old.permissions().mode() & 0o777 } else { NEW_MODE }
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    }
}

/// The mode of a new file: node_exporter runs as another user.
const NEW_MODE: u32 = 0o644;
const SUFFIX: &str = ".tmp";
/// Far longer than a write takes.
const ABANDONED: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    #[test]
    fn temporary_files_of_killed_processes_are_removed() {
        let directory = tempfile::tempdir().unwrap();
        let create = |name: &str, age| {
            let file = fs::File::create(directory.path().join(name)).unwrap();
            file.set_modified(SystemTime::now() - age).unwrap();
        };
        let old = ABANDONED + Duration::from_secs(60);
        for (name, age) in [
            (".a.prom.Xy12.tmp", old),
            (".a.prom.young.tmp", Duration::ZERO),
            (".b.prom.Xy12.tmp", old),
            ("a.prom", old),
        ] {
            create(name, age);
        }
        replace(&directory.path().join("a.prom"), b"new").unwrap();
        let mut names: Vec<_> = fs::read_dir(&directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, [".a.prom.young.tmp", ".b.prom.Xy12.tmp", "a.prom"]);
        assert_eq!(fs::read(directory.path().join("a.prom")).unwrap(), b"new");
    }

    #[test]
    fn processes_with_the_same_id_use_different_temporary_files() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.prom");
        let blocker = directory.path().join(format!(".a.prom.{}.tmp", std::process::id()));
        fs::write(&blocker, "of a process in another container").unwrap();
        replace(&path, b"new").unwrap();
        assert_eq!(fs::read(&blocker).unwrap(), b"of a process in another container");
    }

    #[test]
    fn the_mode_is_kept_for_files_of_the_same_user_only() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_permissions(Permissions::from_mode(0o626)).unwrap();
        let metadata = file.as_file().metadata().unwrap();
        assert_eq!(kept_mode(&metadata, metadata.uid()), 0o626);
        assert_eq!(kept_mode(&metadata, metadata.uid() + 1), NEW_MODE);
    }
}
