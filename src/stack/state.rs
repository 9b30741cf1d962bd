//! The state of `ticketctl stack up`: where its file is, who holds it, and what it says.
//! Knows files and locks; starts and ends nothing.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, io};

use anyhow::{Context, bail, ensure};
use rustix::process::geteuid;
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

const NAME_LENGTH_MAX: usize = 40;
const HOLD_ATTEMPTS_MAX: u32 = 10;
const HOLD_AGAIN_AFTER: Duration = Duration::from_millis(20);

/// What a background stack says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackState {
    /// The process that holds the stack.
    pub pid: i32,
    /// The stack's folder, with its logs.
    pub dir: PathBuf,
    /// How many Redis nodes it has.
    pub redis_nodes: usize,
    /// What a server needs in its environment to use it.
    pub env: BTreeMap<String, String>,
}

/// The folder with the state file and its lock.
#[derive(Debug, Clone)]
pub struct StateDir {
    folder: PathBuf,
    name: Option<StackName>,
}

/// What tells a stack from another of the same user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackName(String);

impl StackName {
    /// 1 to 40 of `a-z`, `0-9`, `-` and `_`.
    ///
    /// # Errors
    /// It is anything else.
    pub fn parse(text: &str) -> Result<Self, String> {
        let is_fine = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
        if (1..=NAME_LENGTH_MAX).contains(&text.len()) && text.bytes().all(is_fine) {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("write 1 to {NAME_LENGTH_MAX} of a-z, 0-9, - and _"))
        }
    }
}

/// Held by the process that holds the stack; the system lets go of it however that process ends.
#[derive(Debug)]
pub struct Held {
    _lock: File,
    dir: StateDir,
}

impl StateDir {
    /// The first that can be had of `$XDG_RUNTIME_DIR/ticketctl`, `$XDG_STATE_HOME/ticketctl`,
    /// `~/.local/state/ticketctl` and a folder of this user in the temporary folder; created when missing. A stack with
    /// a name has a folder of that name in it.
    ///
    /// # Errors
    /// None of them can be had.
    pub fn find(name: Option<StackName>) -> anyhow::Result<Self> {
        let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        let places = [
            set("XDG_RUNTIME_DIR").map(|dir| PathBuf::from(dir).join("ticketctl")),
            set("XDG_STATE_HOME").map(|dir| PathBuf::from(dir).join("ticketctl")),
            set("HOME").map(|dir| PathBuf::from(dir).join(".local/state/ticketctl")),
            Some(env::temp_dir().join(format!("ticketctl-state-{}", geteuid().as_raw()))),
        ];
        let mut last = None;
        for place in places.into_iter().flatten() {
            let folder = name.as_ref().map_or_else(|| place.clone(), |name| place.join(&name.0));
            match private_folder(&place).and_then(|()| private_folder(&folder)) {
                Ok(()) => return Ok(Self { folder, name }),
                Err(error) => last = Some(error),
            }
        }
        Err(last.context("no place for a state file")?)
    }

    /// The stack's name, if it has one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_ref().map(|name| name.0.as_str())
    }

    /// What to type for an action on this stack.
    pub fn command(&self, action: &str) -> String {
        let name = self.name().map_or_else(String::new, |name| format!(" --name {name}"));
        format!("ticketctl stack {action}{name}")
    }

    /// The state of the running stack, or `None` when none runs or none is ready yet.
    ///
    /// # Errors
    /// The file of a running stack cannot be read.
    pub fn read(&self) -> anyhow::Result<Option<StackState>> {
        if !self.is_held()? {
            return Ok(None);
        }
        let path = self.file();
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .with_context(|| format!("{} is not a state file", path.display())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// Whether some process holds, or is starting, a stack.
    ///
    /// # Errors
    /// The lock file cannot be used.
    pub fn is_held(&self) -> anyhow::Result<bool> {
        Ok(self.try_lock()?.is_none())
    }

    /// Becomes the holder of the one background stack.
    ///
    /// # Errors
    /// Another process is.
    pub async fn hold(&self) -> anyhow::Result<Held> {
        // Whoever asks whether the lock is held holds it for that moment.
        for _ in 0..HOLD_ATTEMPTS_MAX {
            if let Some(lock) = self.try_lock()? {
                let held = Held { _lock: lock, dir: self.clone() };
                held.forget()?;
                return Ok(held);
            }
            sleep(HOLD_AGAIN_AFTER).await;
        }
        bail!("it is already running; `{}` ends it", self.command("down"));
    }

    /// Where the background process logs its own troubles.
    pub fn log(&self) -> PathBuf {
        self.folder.join("stack.log")
    }

    fn file(&self) -> PathBuf {
        self.folder.join("stack.json")
    }

    fn try_lock(&self) -> anyhow::Result<Option<File>> {
        let path = self.folder.join("stack.lock");
        let lock = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("cannot open {}", path.display()))?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(lock)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("cannot lock {}", path.display()))
            }
        }
    }
}

impl Held {
    /// Publishes the state, whole or not at all, for this user only.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn publish(&self, state: &StackState) -> anyhow::Result<()> {
        let path = self.dir.file();
        let mut file = tempfile::NamedTempFile::new_in(&self.dir.folder)
            .with_context(|| format!("cannot write to {}", self.dir.folder.display()))?;
        serde_json::to_writer_pretty(&mut file, state)?;
        file.flush()?;
        file.persist(&path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(())
    }

    /// Removes the state file; the lock goes with the process.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn forget(&self) -> anyhow::Result<()> {
        let path = self.dir.file();
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", path.display()))
            }
            _ => Ok(()),
        }
    }
}

/// The folder holds passwords, and in a shared temporary folder somebody else may have been quicker.
fn private_folder(path: &Path) -> anyhow::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("cannot create {}", path.display()))?;
    let data = fs::symlink_metadata(path)?;
    ensure!(
        data.is_dir() && data.uid() == geteuid().as_raw() && data.mode() & 0o022 == 0,
        "{} is not a folder that only this user can write to",
        path.display()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn state() -> StackState {
        StackState {
            pid: 1,
            dir: "/x".into(),
            redis_nodes: 3,
            env: BTreeMap::from([("DATABASE_URL".to_owned(), "postgres://x".to_owned())]),
        }
    }

    #[tokio::test]
    async fn a_state_is_there_only_while_its_holder_is() {
        let temp = tempfile::tempdir().unwrap();
        let dir = StateDir { folder: temp.path().to_owned(), name: None };
        let held = dir.hold().await.unwrap();
        assert_eq!(dir.read().unwrap(), None);
        held.publish(&state()).unwrap();
        assert_eq!(dir.read().unwrap(), Some(state()));
        let mode = fs::metadata(dir.file()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        // As when the holder is killed: the file stays, the lock does not.
        drop(held);
        assert!(dir.file().exists());
        assert_eq!(dir.read().unwrap(), None);
    }

    #[tokio::test]
    async fn there_is_one_holder_at_a_time() {
        let temp = tempfile::tempdir().unwrap();
        let dir = StateDir { folder: temp.path().to_owned(), name: None };
        let held = dir.hold().await.unwrap();
        assert!(dir.hold().await.unwrap_err().to_string().contains("already running"));
        drop(held);
        dir.hold().await.unwrap();
    }

    #[test]
    fn a_name_is_one_folder_and_nothing_for_a_shell() {
        for name in ["", ".", "..", "a/b", "a b", "A", "$(id)", &"x".repeat(41)] {
            assert!(StackName::parse(name).is_err(), "{name}");
        }
        let name = StackName::parse("try-2_b").unwrap();
        let dir = StateDir { folder: "/x".into(), name: Some(name) };
        assert_eq!(dir.command("down"), "ticketctl stack down --name try-2_b");
    }

    #[test]
    fn a_folder_that_others_can_write_to_is_refused() {
        let temp = tempfile::tempdir().unwrap();
        fs::set_permissions(temp.path(), fs::Permissions::from_mode(0o777)).unwrap();
        private_folder(temp.path()).unwrap_err();
    }
}
