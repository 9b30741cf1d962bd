//! Kills a process the hard way and starts it again. Knows nothing of what the process does.

use std::os::unix::process::ExitStatusExt;

use async_trait::async_trait;

use super::context::Context;
use super::process::{self, ProcessSettings, Work, revive, was_needed};
use super::target::Reachable;
use super::{Bite, Fault, Key, trigger};
use crate::harness::parsing::Section;
use crate::harness::plan::Settings;

/// The signal's number, the same on every system that this runs on.
const SIGKILL: i32 = 9;

/// SIGKILL, then a restart.
pub struct Kill;

#[async_trait]
impl Fault for Kill {
    fn name(&self) -> &'static str {
        "kill"
    }

    fn summary(&self) -> &'static str {
        "kills a process with SIGKILL and starts it again afterwards"
    }

    fn keys(&self) -> Vec<Key> {
        process::keys()
    }

    fn read(&self, section: &mut Section<'_>, reachable: &Reachable<'_>) -> Settings {
        process::read(section, reachable)
    }

    async fn strike(&self, context: &Context<'_>) -> anyhow::Result<Bite> {
        let ProcessSettings { process, when } = &context.settings()?;
        let stack = context.run.stack;
        let work = Work::of(context, process).await?;
        let caught = trigger::catch(context, process, *when).await?;
        let status = stack.kill(process).await?;
        let at_strike = work.at_strike(context, process).await;
        context.hold().await;
        let at_end = work.at_end(context, process);
        stack.restart(process).await?;
        let (needed, words) = was_needed(at_strike, at_end);
        let words = format!(
            "{process} was killed{} ({status}); {words}; it was started again",
            caught.words()
        );
        let is_killed = status.signal() == Some(SIGKILL);
        Ok(if is_killed && needed { Bite::Bit(words) } else { Bite::Missed(words) })
    }

    async fn heal(&self, context: &Context<'_>) -> anyhow::Result<()> {
        revive(context).await
    }
}
