//! Stops a process without ending it, as a long garbage collection or a frozen VM would. Knows nothing of what it does.

use async_trait::async_trait;

use super::context::Context;
use super::process::{self, ProcessSettings, STOPPED, revive};
use super::target::Reachable;
use super::trigger;
use super::{Fault, Key, Reach, Struck};
use crate::harness::parsing::Section;
use crate::harness::plan::{FaultPlan, Settings, Target};

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

    fn reach(&self, fault: &FaultPlan, target: &Target) -> anyhow::Result<Option<Reach>> {
        process::reach(fault, target)
    }

    async fn strike(&self, context: &Context<'_>) -> anyhow::Result<Struck> {
        let ProcessSettings { process, when } = &context.settings()?;
        let stack = context.run.stack;
        let caught = trigger::catch(context, process, *when).await?;
        let struck_us = context.now_us();
        if !caught.is_stopped() {
            stack.pause(process).await?;
        }
        let state = stack.state(process).await?;
        let window = context.hold(struck_us).await;
        stack.resume(process).await?;
        let seen = state.map_or("gone".to_owned(), |state| format!("in state {state}"));
        let words = format!("{process} was frozen{} (seen {seen}) and let go on", caught.words());
        Ok(Struck { window, is_seen: state == Some(STOPPED), words })
    }

    async fn heal(&self, context: &Context<'_>) -> anyhow::Result<()> {
        revive(context).await
    }
}
