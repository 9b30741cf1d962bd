//! Reads the machine's process table, from `/proc` where there is one and else from `ps`.
//! Knows nothing of what the processes are for and signals none of them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use anyhow::Context;
use rustix::process::Pid;
use tokio::process::Child;

/// One process, as it was at the moment of looking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub pid: Pid,
    /// `None` for the first process and for kernel threads.
    pub parent: Option<Pid>,
    pub group: Option<Pid>,
    /// One letter as in `ps`: `R`unning, `S`leeping, `D`isk wait, s`T`opped, `Z`ombie …
    pub state: char,
    /// Name of the executable, perhaps cut short.
    pub name: String,
}

impl Entry {
    /// Whether it has ended and only waits for its parent to notice.
    pub fn is_dead(&self) -> bool {
        matches!(self.state, 'Z' | 'X' | 'x')
    }
}

/// Every process that this one may see.
///
/// # Errors
/// Neither `/proc` nor `ps` can be read.
pub fn list() -> io::Result<Vec<Entry>> {
    if Path::new("/proc/self/stat").exists() { from_proc() } else { from_ps() }
}

/// One process, or `None` when it is gone.
pub fn find(pid: Pid) -> Option<Entry> {
    if Path::new("/proc/self/stat").exists() {
        let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_pid())).ok()?;
        return parse_stat(&stat);
    }
    from_ps().ok()?.into_iter().find(|entry| entry.pid == pid)
}

/// The process id of a child that has not been waited for.
///
/// # Errors
/// It has been waited for.
pub fn pid_of(child: &Child) -> anyhow::Result<Pid> {
    child
        .id()
        .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?))
        .context("a process ended before its id was read")
}

/// The living processes that `belongs` accepts, and everything that descends from them.
pub fn family(entries: &[Entry], belongs: impl Fn(&Entry) -> bool) -> Vec<Entry> {
    let mut pids: BTreeSet<i32> =
        entries.iter().filter(|entry| belongs(entry)).map(|entry| entry.pid.as_raw_pid()).collect();
    loop {
        let before = pids.len();
        for entry in entries {
            if entry.parent.is_some_and(|parent| pids.contains(&parent.as_raw_pid())) {
                pids.insert(entry.pid.as_raw_pid());
            }
        }
        if pids.len() == before {
            break;
        }
    }
    let is_member = |entry: &&Entry| pids.contains(&entry.pid.as_raw_pid()) && !entry.is_dead();
    entries.iter().filter(is_member).cloned().collect()
}

/// Working folder of a process; `None` where the system does not say.
pub fn working_folder(pid: Pid) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{}/cwd", pid.as_raw_pid())).ok()
}

fn from_proc() -> io::Result<Vec<Entry>> {
    let is_pid = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
    let entries = fs::read_dir("/proc")?
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_str().is_some_and(is_pid))
        .filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok())
        .filter_map(|stat| parse_stat(&stat));
    Ok(entries.collect())
}

/// `pid (name) state ppid pgrp …`, where the name may itself hold spaces and parentheses.
fn parse_stat(stat: &str) -> Option<Entry> {
    let (pid, rest) = stat.split_once(" (")?;
    let (name, rest) = rest.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let state = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    let group = fields.next()?.parse().ok()?;
    Some(Entry {
        pid: Pid::from_raw(pid.parse().ok()?)?,
        parent: Pid::from_raw(parent),
        group: Pid::from_raw(group),
        state,
        name: name.to_owned(),
    })
}

fn from_ps() -> io::Result<Vec<Entry>> {
    let output = Command::new("ps").args(["-A", "-o", "pid=,ppid=,pgid=,state=,comm="]).output()?;
    Ok(String::from_utf8_lossy(&output.stdout).lines().filter_map(parse_ps).collect())
}

fn parse_ps(line: &str) -> Option<Entry> {
    let mut fields = line.split_whitespace();
    let pid = fields.next()?.parse().ok()?;
    let parent = fields.next()?.parse().ok()?;
    let group = fields.next()?.parse().ok()?;
    let state = fields.next()?.chars().next()?;
    let program = fields.collect::<Vec<_>>().join(" ");
    let name = Path::new(&program).file_name()?.to_str()?.to_owned();
    Some(Entry {
        pid: Pid::from_raw(pid)?,
        parent: Pid::from_raw(parent),
        group: Pid::from_raw(group),
        state,
        name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(pid: i32, parent: i32, group: i32, state: char) -> Entry {
        Entry {
            pid: Pid::from_raw(pid).unwrap(),
            parent: Pid::from_raw(parent),
            group: Pid::from_raw(group),
            state,
            name: "x".to_owned(),
        }
    }

    #[test]
    fn a_name_with_parentheses_is_read_whole() {
        let entry = parse_stat("42 (a) S b (c)) T 7 40 40 0").unwrap();
        assert_eq!(entry.name, "a) S b (c)");
        assert_eq!(entry.state, 'T');
        assert_eq!(entry.parent, Pid::from_raw(7));
        assert_eq!(entry.group, Pid::from_raw(40));
    }

    #[test]
    fn ps_lines_give_the_same_facts() {
        let entry = parse_ps("   42     7    40 Ss   /usr/lib/postgresql/15/bin/postgres").unwrap();
        assert_eq!((entry.state, entry.name.as_str()), ('S', "postgres"));
        assert_eq!(entry.group, Pid::from_raw(40));
    }

    #[test]
    fn grandchildren_outside_the_group_belong_and_the_dead_do_not() {
        let group = Pid::from_raw(10);
        let entries = [
            entry(22, 21, 22, 'S'),
            entry(21, 20, 21, 'S'),
            entry(20, 10, 10, 'S'),
            entry(30, 1, 30, 'S'),
            entry(23, 20, 10, 'Z'),
        ];
        let pids: Vec<i32> = family(&entries, |entry| entry.group == group)
            .iter()
            .map(|entry| entry.pid.as_raw_pid())
            .collect();
        assert_eq!(pids, [22, 21, 20]);
    }

    #[test]
    fn this_process_is_found_alive() {
        let this = find(rustix::process::getpid()).unwrap();
        assert!(!this.is_dead());
        assert!(list().unwrap().iter().any(|entry| entry.pid == this.pid));
    }
}
