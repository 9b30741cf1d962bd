//! `constant-arrival-rate`: an open loop at one rate.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::Executor;
use super::ranges::{DURATION, RATE_MAX, VUS};
use crate::harness::load::arrivals;
use crate::harness::load::load_run::LoadRun;
use crate::harness::load::outcome::LoadOutcome;
use crate::harness::load::schedule::Schedule;
use crate::harness::parsing::Section;
use crate::harness::plan::duration_ms;

/// A ramp may begin and end at rest; a constant rate may not.
const RATE_MIN: f64 = 0.1;

/// The executor.
#[derive(Debug, Serialize, Deserialize)]
pub struct ConstantArrivalRate {
    /// Iterations a second, more than 0.
    pub rate: f64,
    /// How long.
    #[serde(with = "duration_ms")]
    pub duration: Duration,
    /// Iterations that may be under way at once; one that finds no VU free is dropped and counted.
    pub max_vus: u32,
}

#[async_trait]
impl Executor for ConstantArrivalRate {
    fn name() -> &'static str {
        "constant-arrival-rate"
    }

    fn summary() -> &'static str {
        "an open loop: `rate` iterations a second, however slow the answers"
    }

    fn read(section: &mut Section<'_>) -> Self {
        section.need(&["rate", "duration", "max_vus"]);
        Self {
            rate: section.number("rate", RATE_MIN..=RATE_MAX).unwrap_or(1.0),
            duration: section.duration("duration", DURATION).unwrap_or_default(),
            max_vus: section.integer("max_vus", VUS).unwrap_or(1),
        }
    }

    fn duration(&self) -> Duration {
        self.duration
    }

    async fn run(&self, run: &LoadRun) -> anyhow::Result<LoadOutcome> {
        arrivals::run(run, &Schedule::constant(self.rate, self.duration), self.max_vus).await
    }
}
