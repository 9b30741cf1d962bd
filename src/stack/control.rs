//! Kill, pause, resume and restart, by the names that faults use: `postgres`, `redis-2`, `server-1`.
//! Refuses to touch a store that this stack did not start.

use std::process::ExitStatus;

use anyhow::bail;
use tokio::sync::Mutex;

use super::process::Process;
use super::{Stack, process_table};

impl Stack {
    /// Names that these methods take, sorted.
    pub fn process_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.stores.processes.keys().map(String::as_str).collect();
        names.extend(self.servers.keys().map(String::as_str));
        names.sort_unstable();
        names
    }

    /// Kills a process and its children with SIGKILL; returns how it ended.
    ///
    /// # Errors
    /// No such process, not this stack's, or not running.
    pub async fn kill(&self, name: &str) -> anyhow::Result<ExitStatus> {
        self.process(name)?.lock().await.kill().await
    }

    /// Stops a process and its children with SIGSTOP; its connections stay open and silent.
    ///
    /// # Errors
    /// No such process, not this stack's, or not running.
    pub async fn pause(&self, name: &str) -> anyhow::Result<()> {
        self.process(name)?.lock().await.pause().await
    }

    /// Lets a paused process go on.
    ///
    /// # Errors
    /// No such process, not this stack's, or not running.
    pub async fn resume(&self, name: &str) -> anyhow::Result<()> {
        self.process(name)?.lock().await.resume()
    }

    /// Starts a process again on its old port, killing it first if it runs; ready when this returns.
    ///
    /// # Errors
    /// No such process, not this stack's, or it does not get ready.
    pub async fn restart(&self, name: &str) -> anyhow::Result<()> {
        self.process(name)?.lock().await.restart().await
    }

    #[cfg(test)]
    /// Whether a process has not ended; a paused one is alive.
    ///
    /// # Errors
    /// No such process, or not this stack's.
    pub async fn is_alive(&self, name: &str) -> anyhow::Result<bool> {
        Ok(self.process(name)?.lock().await.is_alive())
    }

    #[cfg(test)]
    /// Its process id, the last one if it has ended.
    ///
    /// # Errors
    /// No such process, or not this stack's.
    pub async fn pid(&self, name: &str) -> anyhow::Result<u32> {
        Ok(self.process(name)?.lock().await.pid().as_raw_pid().unsigned_abs())
    }

    /// One letter as in `ps`: `S`leeping, s`T`opped, …; `None` when it has ended.
    ///
    /// # Errors
    /// No such process, or not this stack's.
    pub async fn state(&self, name: &str) -> anyhow::Result<Option<char>> {
        let mut process = self.process(name)?.lock().await;
        if !process.is_alive() {
            return Ok(None);
        }
        Ok(process_table::find(process.pid()).map(|entry| entry.state))
    }

    fn process(&self, name: &str) -> anyhow::Result<&Mutex<Process>> {
        if let Some(process) = self.servers.get(name).or_else(|| self.stores.processes.get(name)) {
            return Ok(process);
        }
        if self.stores.has_name(name) {
            bail!(
                "{name} is external, so it is not for this stack to kill, pause or restart; use a network fault, or unset the url"
            );
        }
        bail!("the stack has no process {name}; it has {}", self.process_names().join(", "))
    }
}
