//! The guard: a small process that outlives a killed parent and takes the stack down with it.
//! Knows a folder and a process group; not what runs in them.
//!
//! The guard leads a process group of its own, and every process of the stack is spawned *into* that group, so
//! that none can exist without being registered. The guard reads a pipe whose other end only the parent holds.
//! When the parent ends, however it ends, the kernel closes that end; the guard reads end-of-file, ends the
//! group and removes the folder, which it had created itself. A process that the parent is just starting holds
//! the pipe open until it has joined the group, so the end-of-file cannot overtake it either.

mod teardown;
mod watch;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::Pid;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::process_table::pid_of;
pub use watch::watch;

const ANNOUNCE_WITHIN: Duration = Duration::from_secs(10);
/// Above the guard's own bounds, so that the guard is the one to decide.
const FINISH_WITHIN: Duration = Duration::from_secs(8);
/// What the parent writes to let the stack outlive it.
const KEEP: &[u8] = b"keep\n";
const FOLDER: &[u8] = b"folder ";

/// The parent's end of the guard.
#[derive(Debug)]
pub struct Guard {
    child: Child,
    pipe: ChildStdin,
    group: Pid,
    folder: PathBuf,
}

impl Guard {
    /// Starts `exe guard PARENT`; a new folder within `temp_parent` is ready when this returns.
    ///
    /// # Errors
    /// `exe` cannot be run, or the folder cannot be created.
    pub async fn start(exe: &Path, temp_parent: &Path) -> anyhow::Result<Self> {
        let mut child = Command::new(exe)
            .arg("guard")
            .arg(temp_parent)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start the stack's guard {}", exe.display()))?;
        let group = pid_of(&child)?;
        let pipe = child.stdin.take().context("the guard has no input pipe")?;
        let stdout = child.stdout.take().context("the guard has no output pipe")?;
        let folder = timeout(ANNOUNCE_WITHIN, read_folder(stdout)).await.with_context(|| {
            format!("the stack's guard did not answer within {ANNOUNCE_WITHIN:?}")
        })??;
        Ok(Self { child, pipe, group, folder })
    }

    /// The process group that the stack's processes join; its id is the guard's process id.
    pub fn group(&self) -> Pid {
        self.group
    }

    /// The stack's folder; the guard removes it.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Lets the stack outlive this process; it then lives until the guard gets SIGTERM.
    ///
    /// # Errors
    /// The guard is gone.
    pub async fn keep(mut self) -> anyhow::Result<()> {
        self.pipe.write_all(KEEP).await.context("the stack's guard is gone")?;
        self.pipe.flush().await.context("the stack's guard is gone")
    }

    /// Closes the pipe and waits until processes and folder are gone. Where the guard itself was killed, or did not
    /// finish in time, the work is done from here.
    ///
    /// # Errors
    /// Something remains.
    pub async fn finish(self) -> anyhow::Result<()> {
        let Self { mut child, pipe, group, folder } = self;
        drop(pipe);
        let status = timeout(FINISH_WITHIN, child.wait()).await;
        if matches!(status, Ok(Ok(status)) if status.success()) {
            return Ok(());
        }
        drop(child.start_kill());
        teardown::tear_down(group, &folder).await
    }
}

async fn read_folder(stdout: ChildStdout) -> anyhow::Result<PathBuf> {
    // A path is at most 4096 bytes on the systems that have a limit at all.
    let mut line = Vec::new();
    BufReader::new(stdout.take(8192)).read_until(b'\n', &mut line).await?;
    let line = line.trim_ascii_end();
    if let Some(path) = line.strip_prefix(FOLDER) {
        return Ok(PathBuf::from(OsStr::from_bytes(path)));
    }
    match line.strip_prefix(b"error ") {
        Some(reason) => bail!("{}", String::from_utf8_lossy(reason)),
        None => bail!("the stack's guard ended without a word; is its program ticketctl itself?"),
    }
}
