//! One process of the stack: how to start it, when it is ready, and how to kill, pause and restart it.
//! Knows nothing of which program it is, but for the question each kind answers when it is ready.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use super::log;
use super::ports::free_port;
use super::process_table::{self, Entry, pid_of};
use super::readiness::Readiness;
use super::start_error::StartError;
use super::user::User;

const LOOK_EVERY: Duration = Duration::from_millis(20);
const PORT_ATTEMPTS_MAX: u32 = 5;
/// How long a killed process may take to end, and a stopped one to stop.
const SIGNAL_WITHIN: Duration = Duration::from_secs(5);

/// How to start a process. Starting it twice gives the same process on the same port.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// Its name within the stack, such as `redis-2`.
    pub name: String,
    pub program: PathBuf,
    pub args: Vec<OsString>,
    /// What its environment has besides this process's own.
    pub env: BTreeMap<String, String>,
    /// Whom to run it as; this process's user when absent.
    pub user: Option<User>,
    /// Its working folder.
    pub folder: PathBuf,
    /// Where its output goes.
    pub log: PathBuf,
    /// When it is ready.
    pub readiness: Readiness,
    /// How long it may take to be.
    pub ready_within: Duration,
}

impl Recipe {
    /// Builds the command. It joins `group`, which registers it with the guard.
    pub fn command(&self, group: Pid) -> anyhow::Result<Command> {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log)
            .with_context(|| format!("cannot write {}", self.log.display()))?;
        let mut command = Command::new(&self.program);
        command
            .args(&self.args)
            .envs(&self.env)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(group.as_raw_pid());
        if let Some(user) = &self.user {
            command.uid(user.uid).gid(user.gid);
        }
        Ok(command)
    }

    fn spawn(&self, group: Pid) -> anyhow::Result<Child> {
        let program = self.program.display();
        self.command(group)?
            .spawn()
            .with_context(|| format!("cannot start {} with {program}", self.name))
    }
}

/// A started process.
#[derive(Debug)]
pub struct Process {
    recipe: Recipe,
    group: Pid,
    child: Child,
    pid: Pid,
    /// Where in the log the words of this start begin, in bytes.
    log_start: u64,
}

impl Process {
    /// Starts what `recipe` says for a free port, with another port when somebody else took the first; ready when
    /// this returns.
    ///
    /// # Errors
    /// It ends early (the last line it logged is quoted) or is not ready in time.
    pub async fn start_on_free_port(
        group: Pid,
        recipe: impl Fn(u16) -> Recipe,
    ) -> anyhow::Result<(Self, u16)> {
        let mut attempt = 1;
        loop {
            let port = free_port()?;
            match Self::start(recipe(port), group).await {
                Ok(process) => return Ok((process, port)),
                Err(StartError::PortTaken { .. }) if attempt < PORT_ATTEMPTS_MAX => attempt += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn start(recipe: Recipe, group: Pid) -> Result<Self, StartError> {
        let log_start = log::length(&recipe.log);
        let child = recipe.spawn(group)?;
        let pid = pid_of(&child)?;
        let mut process = Self { recipe, group, child, pid, log_start };
        process.wait_ready().await?;
        Ok(process)
    }

    /// Leaves nothing running when it fails.
    async fn wait_ready(&mut self) -> Result<(), StartError> {
        let Recipe { name, log, readiness, ready_within, .. } = &self.recipe;
        let deadline = Instant::now() + *ready_within;
        loop {
            if let Some(status) = self.child.try_wait().context("cannot wait for a child")? {
                return Err(StartError::ended_early(
                    name,
                    status,
                    &log::since(log, self.log_start),
                ));
            }
            let Err(reason) = readiness.probe().await else {
                return Ok(());
            };
            if Instant::now() >= deadline {
                let last = log::last_line(&log::since(log, self.log_start)).to_owned();
                let error = anyhow!(
                    "{name} was not ready within {ready_within:?}: {reason:#}; its last words: {last}"
                );
                self.kill().await.ok();
                return Err(error.into());
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Its process id, also after it has ended.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Whether it has not ended. A stopped process is alive.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Kills it and all its children, and waits until they are gone.
    ///
    /// # Errors
    /// It has ended already, or does not end.
    pub async fn kill(&mut self) -> anyhow::Result<ExitStatus> {
        let name = self.recipe.name.clone();
        if let Some(status) = self.child.try_wait()? {
            bail!("{name} is not running, it ended with {status}; restart it first");
        }
        let family = self.family()?;
        for member in &family {
            kill_process(member.pid, Signal::KILL).ok();
        }
        let status = timeout(SIGNAL_WITHIN, self.child.wait()).await.with_context(|| {
            format!("{name} did not end within {SIGNAL_WITHIN:?} of its kill")
        })??;
        wait_for(&family, None).await.with_context(|| format!("cannot kill {name}"))?;
        Ok(status)
    }

    /// Stops it and all its children until [`Process::resume`]; they are stopped when this returns.
    ///
    /// # Errors
    /// It has ended, or does not stop.
    pub async fn pause(&mut self) -> anyhow::Result<()> {
        self.must_live()?;
        // The parent first: a stopped one makes no new children while the others are being stopped.
        kill_process(self.pid, Signal::STOP)?;
        let family = self.family()?;
        for member in &family {
            kill_process(member.pid, Signal::STOP).ok();
        }
        wait_for(&family, Some('T'))
            .await
            .with_context(|| format!("cannot pause {}", self.recipe.name))
    }

    /// Lets a stopped process and its children go on.
    ///
    /// # Errors
    /// It has ended.
    pub fn resume(&mut self) -> anyhow::Result<()> {
        self.must_live()?;
        for member in self.family()? {
            kill_process(member.pid, Signal::CONT).ok();
        }
        Ok(())
    }

    /// Kills it if it runs, then starts it again on its port; ready when this returns.
    ///
    /// # Errors
    /// As for starting; also when somebody took the port meanwhile and keeps it.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        if self.is_alive() {
            self.kill().await?;
        }
        let mut attempt = 1;
        loop {
            self.log_start = log::length(&self.recipe.log);
            self.child = self.recipe.spawn(self.group)?;
            self.pid = pid_of(&self.child)?;
            match self.wait_ready().await {
                Ok(()) => return Ok(()),
                Err(StartError::PortTaken { .. }) if attempt < PORT_ATTEMPTS_MAX => attempt += 1,
                Err(error) => return Err(error.into()),
            }
            sleep(LOOK_EVERY * 10).await;
        }
    }

    fn must_live(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!(
                "{} is not running, it ended with {status}; restart it first",
                self.recipe.name
            ),
        }
    }

    fn family(&self) -> anyhow::Result<Vec<Entry>> {
        let entries = process_table::list().context("cannot read the process table")?;
        Ok(process_table::family(&entries, |entry| entry.pid == self.pid))
    }
}

/// Waits until all of `family` are in `state`, or gone when there is none.
async fn wait_for(family: &[Entry], state: Option<char>) -> anyhow::Result<()> {
    let deadline = Instant::now() + SIGNAL_WITHIN;
    let is_there = |entry: &Entry| match process_table::find(entry.pid) {
        Some(now) if !now.is_dead() => Some(now.state) == state,
        _ => true,
    };
    while !family.iter().all(is_there) {
        if Instant::now() >= deadline {
            bail!("some of its {} processes did not obey within {SIGNAL_WITHIN:?}", family.len());
        }
        sleep(LOOK_EVERY).await;
    }
    Ok(())
}
