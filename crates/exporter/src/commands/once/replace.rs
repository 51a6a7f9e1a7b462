//! A file that others read while it is written.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Replaces a file: whoever reads it gets all of the old content or all of the new, after a crash too. Its mode stays;
/// a new file can be read by everybody. The error is a sentence, and then the old file is still there.
pub(super) fn replace(path: &Path, content: &[u8]) -> Result<(), String> {
    let mode = match fs::symlink_metadata(path) {
        Ok(old) if old.is_file() => old.permissions().mode() & 0o777,
        // Renaming over a symbolic link or a device would take it away.
        Ok(_) => return Err(format!("{} is not a regular file, and only such are replaced", path.display())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => NEW_MODE,
        Err(error) => return Err(format!("cannot replace {}: {error}", path.display())),
    };
    let write = || -> io::Result<()> {
        let (temporary, mut file) = Temporary::create(path)?;
        file.write_all(content)?;
        file.set_permissions(Permissions::from_mode(mode))?;
        file.sync_all()?;
        temporary.rename(path)
    };
    write().map_err(|error| {
        let folder = folder(path).display();
        let advice = match error.kind() {
            io::ErrorKind::NotFound => format!("; create the folder {folder} first"),
            io::ErrorKind::PermissionDenied => {
                format!("; this user has to be allowed to create files in the folder {folder}")
            }
            _ => String::new(),
        };
        format!("cannot replace {}: {error}{advice}", path.display())
    })
}

/// A file that is removed unless it is renamed.
struct Temporary {
    path: PathBuf,
}

impl Temporary {
    /// In the same folder, because renaming goes no further; and with a name that `*.prom` does not match, or
    /// node_exporter would read half of it.
    fn create(beside: &Path) -> io::Result<(Self, File)> {
        let Some(name) = beside.file_name() else { return Err(io::ErrorKind::IsADirectory.into()) };
        let name = format!(".{}.{}.tmp", name.to_string_lossy(), std::process::id());
        let path = folder(beside).join(name);
        let create = || OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let file = match create() {
            // Of a process that had this number and was killed.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                fs::remove_file(&path)?;
                create()?
            }
            file => file?,
        };
        Ok((Self { path }, file))
    }

    fn rename(self, to: &Path) -> io::Result<()> {
        fs::rename(&self.path, to)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // There is none if it was renamed.
        let _ = fs::remove_file(&self.path);
    }
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// node_exporter runs as another user.
const NEW_MODE: u32 = 0o644;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_process_left_is_no_obstacle() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.prom");
        let (left, _) = Temporary::create(&path).unwrap();
        fs::write(&left.path, "half of").unwrap();
        std::mem::forget(left);
        replace(&path, b"all").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"all");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    }
}
