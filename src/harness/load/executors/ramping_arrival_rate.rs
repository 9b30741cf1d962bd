//! `ramping-arrival-rate`: an open loop whose rate moves in straight lines from stage to stage.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::Executor;
use super::ranges::{DURATION, RATE_MAX, VUS};
use crate::harness::load::arrivals;
use crate::harness::load::load_run::LoadRun;
use crate::harness::load::outcome::LoadOutcome;
use crate::harness::load::schedule::{Schedule, Stage};
use crate::harness::parsing::Section;

/// The executor.
#[derive(Debug, Serialize, Deserialize)]
pub struct RampingArrivalRate {
    /// Rate at the beginning, iterations a second.
    start_rate: f64,
    /// The stages, at least one.
    stages: Vec<Stage>,
    /// Iterations that may be under way at once; one that finds no VU free is dropped and counted.
    max_vus: u32,
}

#[async_trait]
impl Executor for RampingArrivalRate {
    fn name() -> &'static str {
        "ramping-arrival-rate"
    }

    fn summary() -> &'static str {
        "an open loop whose rate moves in straight lines through `stages`"
    }

    fn read(section: &mut Section<'_>) -> Self {
        section.need(&["stages", "max_vus"]);
        let start_rate = section.number("start_rate", 0.0..=RATE_MAX).unwrap_or(0.0);
        let stages: Vec<Stage> = section.tables("stages").into_iter().map(stage).collect();
        if section.has("stages") {
            refuse_rest(section, start_rate, &stages);
        }
        Self { start_rate, stages, max_vus: section.integer("max_vus", VUS).unwrap_or(1) }
    }

    fn duration(&self) -> Duration {
        self.stages.iter().map(|stage| stage.duration).sum()
    }

    async fn run(&self, run: &LoadRun) -> anyhow::Result<LoadOutcome> {
        arrivals::run(run, &Schedule::ramping(self.start_rate, &self.stages), self.max_vus).await
    }
}

/// Refuses stages in which no iteration would ever start.
fn refuse_rest(section: &Section<'_>, start_rate: f64, stages: &[Stage]) {
    let is_at_rest = start_rate <= 0.0 && stages.iter().all(|stage| stage.target <= 0.0);
    if stages.is_empty() {
        section.refuse(
            "stages",
            "\"stages\" is empty; add one such as { target = 100, duration = \"10s\" }",
        );
    } else if stages.iter().all(|stage| stage.duration.is_zero()) {
        section.refuse("stages", "the stages last no time at all; give one of them a duration");
    } else if is_at_rest {
        section.refuse("stages", "the rate is 0 throughout; give a stage a target above 0");
    }
}

fn stage(mut section: Section<'_>) -> Stage {
    section.need(&["target", "duration"]);
    let stage = Stage {
        target: section.number("target", 0.0..=RATE_MAX).unwrap_or(0.0),
        // A stage without length jumps.
        duration: section
            .duration("duration", Duration::ZERO..=*DURATION.end())
            .unwrap_or_default(),
    };
    section.done();
    stage
}
