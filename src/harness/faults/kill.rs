//! Kills a process the hard way and starts it again. Knows nothing of what the process does.

use std::os::unix::process::ExitStatusExt;

use async_trait::async_trait;

use super::process::{Work, missed, revive};
use super::scene::Scene;
use super::{Bite, Fault, Strikes, moment};

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

    fn strikes(&self) -> Strikes {
        Strikes::Processes
    }

    async fn strike(&self, scene: &Scene<'_>) -> anyhow::Result<Bite> {
        let (process, stack) = (scene.process()?, scene.world.stack);
        let work = Work::of(scene, process).await?;
        let caught = moment::catch(scene, process).await?;
        let status = stack.kill(process).await?;
        let at_strike = work.at_strike(scene, process).await;
        scene.hold().await;
        let at_end = work.at_end(scene, process);
        stack.restart(process).await?;
        let (is_missed, words) = missed(at_strike, at_end);
        let words = format!(
            "{process} was killed{} ({status}); {words}; it was started again",
            caught.words()
        );
        let is_killed = status.signal() == Some(SIGKILL);
        Ok(if is_killed && is_missed { Bite::Bit(words) } else { Bite::Missed(words) })
    }

    async fn heal(&self, scene: &Scene<'_>) -> anyhow::Result<()> {
        revive(scene).await
    }
}
