//! Ends a process group with its descendants and removes one folder, within a bounded time.
//! Knows PostgreSQL by name, because its backends leave the group; nothing else about what it ends.

use std::path::Path;
use std::time::Duration;
use std::{fs, io};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, getpid, kill_process, kill_process_group};
use tokio::time::{Instant, sleep};

use crate::stack::postgres;
use crate::stack::process_table::{self, Entry};

/// How long PostgreSQL has for its immediate shutdown before it is killed.
const GRACE: Duration = Duration::from_secs(2);
/// How long killed processes may take to disappear.
const KILLED_WITHIN: Duration = Duration::from_secs(1);
const LOOK_EVERY: Duration = Duration::from_millis(20);
const REMOVE_ATTEMPTS_MAX: u32 = 5;

/// Ends every process of `group` and what descends from it, except the caller, then removes `folder`.
///
/// # Errors
/// A process or the folder remains.
pub async fn tear_down(group: Pid, folder: &Path) -> anyhow::Result<()> {
    if process_table::list().is_err() {
        return tear_down_unseen(group, folder).await;
    }
    let ended = end_processes(group, folder).await;
    postgres::release_shared_memory(folder).await;
    let removed = remove(folder).await;
    ended.and(removed)
}

async fn end_processes(group: Pid, folder: &Path) -> anyhow::Result<()> {
    let started = Instant::now();
    loop {
        let members = members(&process_table::list()?, group, folder);
        if members.is_empty() {
            return Ok(());
        }
        let waited = started.elapsed();
        if waited > GRACE + KILLED_WITHIN {
            bail!("{} processes of the stack would not end", members.len());
        }
        for member in &members {
            end(member, waited > GRACE);
        }
        sleep(LOOK_EVERY).await;
    }
}

/// PostgreSQL's backends call setsid and so leave the group. They are found as descendants of the postmaster, and,
/// where it was killed before them, by their name and working folder.
fn members(entries: &[Entry], group: Pid, folder: &Path) -> Vec<Entry> {
    let is_orphan = |entry: &Entry| {
        entry.name == "postgres"
            && process_table::working_folder(entry.pid).is_some_and(|path| path.starts_with(folder))
    };
    let mut family =
        process_table::family(entries, |entry| entry.group == Some(group) || is_orphan(entry));
    family.retain(|entry| entry.pid != getpid() && entry.pid != group);
    family
}

/// SIGQUIT is PostgreSQL's immediate shutdown: the postmaster ends its backends and gives its shared memory back,
/// which SIGKILL would leave behind. Everything else is killed at once.
fn end(member: &Entry, grace_is_over: bool) {
    let signal =
        if member.name == "postgres" && !grace_is_over { Signal::QUIT } else { Signal::KILL };
    // An error means that it is gone already, which is what was wanted.
    kill_process(member.pid, signal).ok();
    kill_process(member.pid, Signal::CONT).ok();
}

/// Without a process table only the group as a whole can be reached, the caller included; so the kill comes last.
async fn tear_down_unseen(group: Pid, folder: &Path) -> anyhow::Result<()> {
    kill_process_group(group, Signal::QUIT).ok();
    kill_process_group(group, Signal::CONT).ok();
    sleep(GRACE).await;
    let removed = remove(folder).await;
    kill_process_group(group, Signal::KILL).ok();
    removed
}

async fn remove(folder: &Path) -> anyhow::Result<()> {
    let mut result = Ok(());
    for _ in 0..REMOVE_ATTEMPTS_MAX {
        result = fs::remove_dir_all(folder);
        match &result {
            Err(error) if error.kind() != io::ErrorKind::NotFound => sleep(LOOK_EVERY).await,
            _ => return Ok(()),
        }
    }
    result.with_context(|| format!("cannot remove {}", folder.display()))
}
