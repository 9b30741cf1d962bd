//! Stops a process without ending it, as a long garbage collection or a frozen VM would. Knows nothing of what it does.

use async_trait::async_trait;

use super::context::Context;
use super::process::{self, ProcessSettings, STOPPED, Work, revive, was_needed};
use super::target::Reachable;
use super::trigger::{self, Caught};
use super::{Bite, Fault, Key};
use crate::harness::parsing::Section;
use crate::harness::plan::Settings;

/// SIGSTOP, then SIGCONT.
pub struct Pause;

#[async_trait]
impl Fault for Pause {
    fn name(&self) -> &'static str {
        "pause"
    }

    fn summary(&self) -> &'static str {
        "freezes a process with SIGSTOP and lets it run on afterwards, unaware"
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
        if !matches!(caught, Caught::InTransaction(_)) {
            stack.pause(process).await?;
        }
        let state = stack.state(process).await?;
        let at_strike = work.at_strike(context, process).await;
        context.hold().await;
        let at_end = work.at_end(context, process);
        stack.resume(process).await?;
        let (needed, words) = was_needed(at_strike, at_end);
        let seen = state.map_or("gone".to_owned(), |state| format!("in state {state}"));
        let words = format!(
            "{process} was frozen{} (seen {seen}); {words}; it was let go on",
            caught.words()
        );
        Ok(if state == Some(STOPPED) && needed { Bite::Bit(words) } else { Bite::Missed(words) })
    }

    async fn heal(&self, context: &Context<'_>) -> anyhow::Result<()> {
        revive(context).await
    }
}
