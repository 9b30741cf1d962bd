//! Chooses the user that PostgreSQL runs as, because it refuses to run as root.
//! Reads `/etc/passwd` only; knows nothing of PostgreSQL's files.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use rustix::process::geteuid;

/// A user and the user's main group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// For messages.
    pub name: String,
    pub uid: u32,
    pub gid: u32,
}

/// The user for PostgreSQL's processes: `postgres`, else `nobody`; `None` where this process is not root and its own
/// user will do.
///
/// # Errors
/// This process is root and the machine has neither user.
pub fn for_postgres() -> anyhow::Result<Option<User>> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    let passwd = fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
    ["postgres", "nobody"]
        .iter()
        .find_map(|name| parse_passwd(&passwd, name))
        .map(Some)
        .context("postgresql refuses to run as root and there is no user postgres or nobody; add one: useradd --system postgres")
}

/// The first folder on the way to `path` that other users may not pass through.
pub fn closed_folder(path: &Path) -> Option<PathBuf> {
    const PASS_FOR_OTHERS: u32 = 0o001;
    let is_closed =
        |folder: &&Path| fs::metadata(folder).is_ok_and(|data| data.mode() & PASS_FOR_OTHERS == 0);
    path.ancestors().filter(is_closed).last().map(Path::to_owned)
}

fn parse_passwd(passwd: &str, name: &str) -> Option<User> {
    let line = passwd.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    let uid = fields.next()?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    Some(User { name: name.to_owned(), uid, gid })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_named_user_is_found_and_not_one_with_a_longer_name() {
        let passwd = "root:x:0:0::/root:/bin/sh\npostgresql:x:7:7::/:\npostgres:x:101:104:,,,:/x:/bin/bash\n";
        let user = parse_passwd(passwd, "postgres").unwrap();
        assert_eq!((user.uid, user.gid), (101, 104));
        assert_eq!(parse_passwd(passwd, "nobody"), None);
    }

    #[test]
    fn a_folder_closed_to_others_is_named() {
        let outer = tempfile::tempdir().unwrap();
        let inner = outer.path().join("inner");
        fs::create_dir(&inner).unwrap();
        fs::set_permissions(outer.path(), fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!(closed_folder(&inner), Some(outer.path().to_owned()));
        fs::set_permissions(outer.path(), fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(closed_folder(&inner), None);
    }
}
