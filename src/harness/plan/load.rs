//! The loads of a plan: who asks for what, when, how often.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::duration_ms;

/// One load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Load {
    /// The table's name: `rush` for `[load.rush]`.
    pub name: String,
    /// Name of a workload.
    pub exec: String,
    /// Start after the beginning of the run.
    #[serde(with = "duration_ms")]
    pub start: Duration,
    /// Bounds of one iteration's order, inclusive, each 1 to 50.
    pub seats_per_order: (u32, u32),
    /// Share of holds never confirmed, 0 to 1.
    pub abandon: f64,
    /// Different buyers that the iterations are visits of, at least 1; each its own where absent.
    pub buyers: Option<u32>,
    /// Parallel copies of each request, all with the same key, 1 to 256; 1 is the request alone.
    pub duplicates: u32,
    /// Share of copies sent with another body under the same key, 0 to 1.
    pub other_body: f64,
    /// How long a client waits for an answer.
    #[serde(with = "duration_ms")]
    pub request_timeout: Duration,
    /// When iterations start and how many at once.
    pub executor: Executor,
}

/// When iterations start. Names and meanings are k6's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "executor")]
pub enum Executor {
    /// A closed loop: each VU starts its next iteration when the last one ended.
    ConstantVus {
        /// Virtual users, 1 to 5,000.
        vus: u32,
        /// How long new iterations start.
        #[serde(with = "duration_ms")]
        duration: Duration,
        /// Ends the load early after this many iterations in all, where given.
        iterations: Option<u64>,
    },
    /// An open loop at one rate.
    ConstantArrivalRate {
        /// Iterations a second, more than 0.
        rate: f64,
        /// How long.
        #[serde(with = "duration_ms")]
        duration: Duration,
        /// Iterations that may be under way at once; one that finds no VU free is dropped and counted.
        max_vus: u32,
    },
    /// An open loop whose rate moves in straight lines from stage to stage.
    RampingArrivalRate {
        /// Rate at the beginning, iterations a second.
        start_rate: f64,
        /// The stages, at least one.
        stages: Vec<Stage>,
        /// As in `ConstantArrivalRate`.
        max_vus: u32,
    },
}

/// One stage of a ramp.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// Rate at the stage's end, iterations a second.
    pub target: f64,
    /// How long the stage lasts; 0 jumps.
    #[serde(with = "duration_ms")]
    pub duration: Duration,
}

impl Load {
    /// When the load stops starting iterations, after the beginning of the run.
    pub fn end(&self) -> Duration {
        self.start + self.executor.duration()
    }
}

impl Executor {
    /// How long new iterations start.
    pub fn duration(&self) -> Duration {
        match self {
            Self::ConstantVus { duration, .. } | Self::ConstantArrivalRate { duration, .. } => {
                *duration
            }
            Self::RampingArrivalRate { stages, .. } => {
                stages.iter().map(|stage| stage.duration).sum()
            }
        }
    }
}
