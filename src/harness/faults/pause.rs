//! Stops a process without ending it, as a long garbage collection or a frozen VM would. Knows nothing of what it does.

use async_trait::async_trait;

use super::moment::{self, Caught};
use super::process::{STOPPED, Work, missed, revive};
use super::scene::Scene;
use super::{Bite, Fault, Strikes};

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

    fn strikes(&self) -> Strikes {
        Strikes::Processes
    }

    async fn strike(&self, scene: &Scene<'_>) -> anyhow::Result<Bite> {
        let (process, stack) = (scene.process()?, scene.world.stack);
        let work = Work::of(scene, process).await?;
        let caught = moment::catch(scene, process).await?;
        if !matches!(caught, Caught::InTransaction(_)) {
            stack.pause(process).await?;
        }
        let state = stack.state(process).await?;
        let at_strike = work.at_strike(scene, process).await;
        scene.hold().await;
        let at_end = work.at_end(scene, process);
        stack.resume(process).await?;
        let (is_missed, words) = missed(at_strike, at_end);
        let seen = state.map_or("gone".to_owned(), |state| format!("in state {state}"));
        let words = format!(
            "{process} was frozen{} (seen {seen}); {words}; it was let go on",
            caught.words()
        );
        Ok(if state == Some(STOPPED) && is_missed { Bite::Bit(words) } else { Bite::Missed(words) })
    }

    async fn heal(&self, scene: &Scene<'_>) -> anyhow::Result<()> {
        revive(scene).await
    }
}
