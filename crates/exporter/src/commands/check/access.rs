//! Checks whether a user can connect to a unix socket, by the modes of the socket and of its parent directories.

use crate::scrape::diagnosis::{name_of, owner};
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// A user of the system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct User {
    /// The user's name.
    pub(super) name: String,
    id: u32,
    groups: Vec<u32>,
}

impl User {
    /// Finds a user in `/etc/passwd`, and the user's groups in `/etc/group`. The error is a human-readable message.
    pub(super) fn named(name: &str) -> Result<Self, String> {
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let group = fs::read_to_string("/etc/group").unwrap_or_default();
        Self::find(name, &passwd, &group)
            .ok_or_else(|| format!("--user \"{name}\": there is no such user in /etc/passwd"))
    }

    /// The name of the user that this process runs as.
    pub(super) fn current() -> String {
        name_of("/etc/passwd", rustix::process::geteuid().as_raw())
    }

    fn find(name: &str, passwd: &str, group: &str) -> Option<Self> {
        let mut fields =
            passwd.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?.split(':');
        let id = fields.nth(1)?.parse().ok()?;
        let mut groups = vec![fields.next()?.parse().ok()?];
        groups.extend(group.lines().filter_map(|line| {
            let mut fields = line.split(':').skip(2);
            let id = fields.next()?.parse::<u32>().ok()?;
            fields.next()?.split(',').any(|member| member == name).then_some(id)
        }));
        Some(Self { name: name.to_owned(), id, groups })
    }

    /// Returns what prevents the user from connecting to a socket, and how to change that. `None` if the user can connect,
    /// or if there is no socket.
    pub(super) fn obstacle(&self, socket: &Path) -> Option<String> {
        let path = fs::canonicalize(socket).ok()?;
        let mut directories: Vec<&Path> = path.ancestors().skip(1).collect();
        directories.reverse();
        let closed =
            |path: &Path, bit| fs::metadata(path).is_ok_and(|metadata| !self.has_permission(&metadata, bit));
        if let Some(directory) = directories.into_iter().find(|directory| closed(directory, SEARCH)) {
            let remedy = self.remedy(directory, SEARCH, "run chmod g+x", "chgrp the directory");
            return Some(format!(
                "The directory {} belongs to {}: {remedy}.",
                directory.display(),
                owner(directory)
            ));
        }
        closed(&path, WRITE).then(|| {
            let (open, give) =
                ("set modparam(\"ctl\", \"mode\", 0660)", "set modparam(\"ctl\", \"group\", …)");
            format!("The socket belongs to {}: {}.", owner(&path), self.remedy(&path, WRITE, open, give))
        })
    }

    fn has_permission(&self, file: &Metadata, bit: u32) -> bool {
        let class = match file {
            file if file.uid() == self.id => OWNER,
            file if self.groups.contains(&file.gid()) => GROUP,
            _ => OTHERS,
        };
        self.id == ROOT || file.mode() >> class & bit != 0
    }

    fn remedy(&self, file: &Path, bit: u32, open: &str, give: &str) -> String {
        let (mode, group) =
            fs::metadata(file).map_or((0, ROOT), |metadata| (metadata.mode(), metadata.gid()));
        self.steps(mode >> GROUP & bit != 0, group, open, give)
    }

    /// Returns how to give the user access through the file's group: `open` the file to the group unless it is open, and
    /// add the user to the group. No user should be added to root's group; then `give` the file to another group.
    fn steps(&self, is_open: bool, group: u32, open: &str, give: &str) -> String {
        let (user, name) = (&self.name, name_of("/etc/group", group));
        let join = match group {
            _ if self.groups.contains(&group) => None,
            ROOT => Some(format!("{give} to a group of {user}")),
            _ => Some(format!(
                "add {user} to the group {name} (usermod -aG {name} {user}, or SupplementaryGroups={name} in the unit)"
            )),
        };
        let open = (!is_open).then(|| open.to_owned());
        [open, join].into_iter().flatten().collect::<Vec<_>>().join(", and ")
    }
}

const ROOT: u32 = 0;
/// The permission to connect to a socket.
const WRITE: u32 = 2;
/// The permission to pass through a directory.
const SEARCH: u32 = 1;
/// The positions of the bits for each class of users in a mode.
const OWNER: u32 = 6;
const GROUP: u32 = 3;
const OTHERS: u32 = 0;

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::UnixListener;

    #[test]
    fn a_user_has_the_groups_that_list_the_user() {
        let passwd = "root:x:0:0::/root:/bin/sh\npromx:x:7:7::/:\nprom:x:103:104::/:/bin/false\n";
        let group = "adm:x:4:syslog,prom\nkamailio:x:115:prom,x\nother:x:9:promx\nprom:x:104:\n";
        let user = User::find("prom", passwd, group).unwrap();
        assert_eq!((user.id, user.groups), (103, vec![104, 4, 115]));
        for name in ["pro", "nobody", "", "prom:x"] {
            assert_eq!(User::find(name, passwd, group), None, "{name}");
        }
    }

    #[test]
    fn each_class_of_users_has_its_own_permissions() {
        let directory = tempfile::tempdir().unwrap();
        let (inside, socket) = (directory.path().join("run"), directory.path().join("run/ctl"));
        fs::create_dir(&inside).unwrap();
        let _listener = UnixListener::bind(&socket).unwrap();
        let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        set(directory.path(), 0o755);
        let file = fs::metadata(&socket).unwrap();
        let user = |id, groups: &[u32]| User { name: "prom".to_owned(), id, groups: groups.to_vec() };
        let owner = user(file.uid(), &[]);
        let member = user(54_321, &[1, file.gid()]);
        let other = user(54_321, &[54_321]);
        for (directory_mode, mode, of_member, of_other) in [
            (0o755, 0o666, None, None),
            (0o755, 0o660, None, Some("The socket belongs to")),
            (0o755, 0o600, Some("0660"), Some("0660)")),
            (0o755, 0o602, Some("0660"), None),
            (0o750, 0o666, None, Some("The directory")),
            (0o700, 0o666, Some("The directory"), Some("The directory")),
        ] {
            set(&inside, directory_mode);
            set(&socket, mode);
            for (user, expected) in [(&member, of_member), (&other, of_other), (&user(0, &[]), None)] {
                let found = user.obstacle(&socket);
                assert_eq!(
                    found.is_some(),
                    expected.is_some(),
                    "{directory_mode:o} {mode:o} {user:?}: {found:?}"
                );
                assert!(found.unwrap_or_default().contains(expected.unwrap_or_default()));
            }
            assert_eq!(owner.obstacle(&socket), None);
        }
    }

    #[test]
    fn the_advice_is_never_to_join_the_group_of_root() {
        let user = User { name: "prom".to_owned(), id: 103, groups: vec![104] };
        let steps = |is_open, group| user.steps(is_open, group, "open it", "give it");
        let join =
            "add prom to the group 54321 (usermod -aG 54321 prom, or SupplementaryGroups=54321 in the unit)";
        assert_eq!(steps(true, 54_321), join);
        assert_eq!(steps(false, 54_321), format!("open it, and {join}"));
        assert_eq!(steps(false, 104), "open it");
        assert_eq!(steps(false, ROOT), "open it, and give it to a group of prom");
        assert_eq!(steps(true, ROOT), "give it to a group of prom");
    }
}
