//! Kills a process the hard way and starts it again. Knows nothing of what the process does.

use std::os::unix::process::ExitStatusExt;

use async_trait::async_trait;

use super::context::Context;
use super::process::{self, ProcessSettings, revive};
use super::target::Reachable;
use super::{Fault, Key, Reach, Struck, trigger};
use crate::harness::parsing::Section;
use crate::harness::plan::{FaultPlan, Settings, Target};

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

    fn reach(&self, fault: &FaultPlan, target: &Target) -> anyhow::Result<Option<Reach>> {
        process::reach(fault, target)
    }

    async fn strike(&self, context: &Context<'_>) -> anyhow::Result<Struck> {
        let ProcessSettings { process, when } = &context.settings()?;
        let stack = context.run.stack;
        let caught = trigger::catch(context, process, *when).await?;
        let struck_us = context.now_us();
        let status = stack.kill(process).await?;
        let window = context.hold(struck_us).await;
        stack.restart(process).await?;
        let words = format!("{process} was killed{} ({status}) and started again", caught.words());
        Ok(Struck { window, is_seen: status.signal() == Some(SIGKILL), words })
    }

    async fn heal(&self, context: &Context<'_>) -> anyhow::Result<()> {
        revive(context).await
    }
}
