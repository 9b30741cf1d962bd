//! What faults on a process share: their settings, and what clients and stores show of a process that is gone or frozen,
//! which is the evidence. Strikes nothing.

use std::time::Duration;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use tokio::time::{sleep, timeout};

use super::Key;
use super::context::Context;
use super::target::{self, Reachable};
use super::trigger::{self, Trigger};
use crate::harness::parsing::Section;
use crate::harness::plan::Settings;
use crate::harness::recorder::live::Counts;

/// Answers that were on their way when the process was struck are let arrive, so that they are not taken for its doing.
const SETTLE: Duration = Duration::from_millis(20);
/// Over this long it is looked whether a Redis node is in use.
const WATCH: Duration = Duration::from_millis(250);
/// A Redis node that runs answers within this.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// How the process table writes a stopped process.
pub const STOPPED: char = 'T';

/// What a scenario says of a fault on a process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProcessSettings {
    /// `server-1`, `redis-2`, `postgres` …
    pub process: String,
    /// What is waited for.
    pub when: Trigger,
}

/// The keys of a fault on a process.
pub fn keys() -> Vec<Key> {
    vec![Key::new("process", ""), Key::new("when", &trigger::names().join(", "))]
}

/// Reads them.
pub fn read(section: &mut Section<'_>, reachable: &Reachable<'_>) -> Settings {
    let process = target::process(section, reachable);
    let when = trigger::read(section, &process);
    Settings::of(&ProcessSettings { process, when })
}

/// What a process had to do at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Requests of clients that it (a server) or every server (for PostgreSQL) was asked.
    Requests(Counts),
    /// Commands that a Redis node processed in a quarter of a second before it was struck.
    Commands(u64),
}

impl Work {
    /// Reads what a process, which has to run, has to do.
    pub async fn of(context: &Context<'_>, process: &str) -> anyhow::Result<Self> {
        match process.strip_prefix("redis-") {
            Some(node) => timeout(ANSWER_MAX, commands(context, node))
                .await
                .with_context(|| format!("{process} did not answer"))?
                .map(Self::Commands),
            None => Ok(Self::requests(context, process)),
        }
    }

    /// Reads again just after the strike.
    pub async fn at_strike(self, context: &Context<'_>, process: &str) -> Self {
        sleep(SETTLE).await;
        self.at_end(context, process)
    }

    /// Reads again while the process cannot answer; of a Redis node nothing more can be learned.
    pub fn at_end(self, context: &Context<'_>, process: &str) -> Self {
        match self {
            Self::Requests(_) => Self::requests(context, process),
            Self::Commands(_) => self,
        }
    }

    fn requests(context: &Context<'_>, process: &str) -> Self {
        let live = context.run.live;
        Self::Requests(if process == "postgres" { live.total() } else { live.of_server(process) })
    }
}

/// Whether somebody needed the process between two readings, and the words for it. A Redis node was needed when it was
/// in use just before.
pub fn was_needed(at_strike: Work, at_end: Work) -> (bool, String) {
    match (at_strike, at_end) {
        (Work::Requests(before), Work::Requests(after)) => {
            let served = before.ok + before.fail;
            let lost = (after.info + after.fail).saturating_sub(before.info + before.fail);
            let hanging = after.under_way();
            let words = format!(
                "{served} requests had been answered before, then {lost} failed and {hanging} were still waiting at the end"
            );
            (served > 0 && lost + hanging > 0, words)
        }
        (Work::Commands(commands), _) | (_, Work::Commands(commands)) => {
            (commands > 0, format!("it had processed {commands} commands in the {WATCH:?} before"))
        }
    }
}

/// Brings a process back that a broken-off strike left dead or frozen; leaves one alone that runs.
pub async fn revive(context: &Context<'_>) -> anyhow::Result<()> {
    let ProcessSettings { process, .. } = &context.settings()?;
    let stack = context.run.stack;
    match stack.state(process).await? {
        None => stack.restart(process).await,
        Some(STOPPED) => stack.resume(process).await,
        Some(_) => Ok(()),
    }
}

async fn commands(context: &Context<'_>, node: &str) -> anyhow::Result<u64> {
    let urls = context.run.stack.redis_urls();
    let index = node.parse::<usize>().ok().and_then(|node| node.checked_sub(1));
    let url = index
        .and_then(|index| urls.get(index))
        .with_context(|| format!("there is no redis-{node}"))?;
    let mut connection =
        redis::Client::open(url.as_str())?.get_multiplexed_async_connection().await?;
    let before = processed(&mut connection).await?;
    sleep(WATCH).await;
    let after = processed(&mut connection).await?;
    // One of them is the question itself.
    Ok(after.saturating_sub(before + 1))
}

async fn processed(connection: &mut redis::aio::MultiplexedConnection) -> anyhow::Result<u64> {
    let info: String = redis::cmd("INFO").arg("stats").query_async(connection).await?;
    let count = info.lines().find_map(|line| line.strip_prefix("total_commands_processed:"));
    count
        .and_then(|count| count.trim().parse().ok())
        .context("redis tells no total_commands_processed")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(started: u64, ok: u64, fail: u64, info: u64) -> Work {
        Work::Requests(Counts { started, ok, fail, info })
    }

    #[test]
    fn a_server_is_missed_when_it_had_served_and_then_requests_failed_or_hung() {
        assert!(was_needed(requests(10, 8, 1, 0), requests(20, 8, 6, 3)).0);
        assert!(was_needed(requests(10, 10, 0, 0), requests(13, 10, 0, 0)).0);
    }

    #[test]
    fn a_server_that_nobody_asked_was_not_needed() {
        assert!(!was_needed(requests(10, 9, 1, 0), requests(10, 9, 1, 0)).0);
        assert!(!was_needed(requests(0, 0, 0, 0), requests(3, 0, 0, 1)).0);
    }

    #[test]
    fn a_redis_node_that_only_we_ever_asked_was_not_needed() {
        assert!(!was_needed(Work::Commands(0), Work::Commands(0)).0);
        assert!(was_needed(Work::Commands(900), Work::Commands(900)).0);
    }
}
