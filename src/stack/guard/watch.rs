//! The guard process itself: waits for the end of its parent, then takes the stack down.
//! Removes only the folder it created, and ends only the group it leads.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use rustix::process::{getpgrp, getpid};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::unix::pipe::Receiver;
use tokio::signal::unix::{SignalKind, signal};

use super::{FOLDER, KEEP, teardown};

/// Creates the stack's folder within `temp_parent`, announces it on `announce`, waits until `pipe` ends or SIGTERM
/// comes, and takes everything down.
///
/// # Errors
/// It was not started as a guard, the folder cannot be created, or something would not go away.
pub async fn watch(
    temp_parent: &Path,
    pipe: OwnedFd,
    mut announce: impl Write,
) -> anyhow::Result<()> {
    ensure!(
        getpgrp() == getpid(),
        "a guard must lead its own process group; `ticketctl stack up` starts one"
    );
    let pipe = Receiver::from_owned_fd(pipe).context("a guard reads from a pipe")?;
    let mut terminate = signal(SignalKind::terminate())?;
    // Handled so that they do not end the guard: the first two reach it from a terminal, the last from the fallback
    // of its own teardown, which signals the whole group.
    let _interrupt = signal(SignalKind::interrupt())?;
    let _hangup = signal(SignalKind::hangup())?;
    let _quit = signal(SignalKind::quit())?;

    let folder = match create_folder(temp_parent) {
        Ok(folder) => folder,
        Err(error) => {
            writeln!(announce, "error {error:#}")?;
            return Err(error);
        }
    };
    let announced = [FOLDER, folder.as_os_str().as_bytes(), b"\n"].concat();
    // A parent that is gone already cannot read this; the pipe then ends at once.
    drop(announce.write_all(&announced).and_then(|()| announce.flush()));
    tokio::select! {
        () = until_released(pipe) => {}
        _ = terminate.recv() => {}
    }
    teardown::tear_down(getpgrp(), &folder).await
}

/// Others may pass through the folder, not list it: PostgreSQL's part of it may belong to another user.
fn create_folder(temp_parent: &Path) -> anyhow::Result<PathBuf> {
    let folder = tempfile::Builder::new()
        .prefix("ticketctl-")
        .tempdir_in(temp_parent)
        .with_context(|| {
            format!(
                "cannot create a folder in {}; set TMPDIR to another place",
                temp_parent.display()
            )
        })?;
    fs::set_permissions(folder.path(), Permissions::from_mode(0o711))?;
    Ok(folder.keep())
}

/// Returns at end-of-file, unless the parent asked to keep the stack: then never.
async fn until_released(pipe: Receiver) {
    let mut pipe = BufReader::new(pipe);
    let mut line = Vec::new();
    loop {
        line.clear();
        match pipe.read_until(b'\n', &mut line).await {
            Ok(1..) if line == KEEP => std::future::pending().await,
            Ok(1..) => {}
            Ok(0) | Err(_) => return,
        }
    }
}
