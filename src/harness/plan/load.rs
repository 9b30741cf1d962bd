//! The loads of a plan: who asks for what, when, how often. Executor and workload stand here by name, with settings that
//! only they can read.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::duration_ms;
use super::settings::Settings;

/// What the names of loads in the background begin with, and no others.
pub const BACKGROUND: &str = "background ";

/// One load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Load {
    /// The table's name: `rush` for `[load.rush]`.
    pub name: String,
    /// Start after the beginning of the run.
    #[serde(with = "duration_ms")]
    pub start: Duration,
    /// Different buyers that the iterations are visits of, at least 1; each its own where absent.
    pub buyers: Option<u32>,
    /// How long a client waits for an answer.
    #[serde(with = "duration_ms")]
    pub request_timeout: Duration,
    /// What a buyer does in one iteration.
    #[serde(flatten)]
    pub workload: WorkloadChoice,
    /// When iterations start and how many at once.
    pub executor: ExecutorChoice,
}

/// A workload and how it is set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkloadChoice {
    /// Its name, as `exec` gives it.
    #[serde(rename = "exec")]
    pub name: String,
    /// What it alone can read.
    #[serde(flatten)]
    pub settings: Settings,
}

/// An executor and how it is set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExecutorChoice {
    /// Its name, k6's.
    #[serde(rename = "executor")]
    pub name: String,
    /// What it alone can read.
    #[serde(flatten)]
    pub settings: Settings,
}

impl Load {
    /// Whether the load of this name is one in the background.
    pub fn is_background(name: &str) -> bool {
        name.starts_with(BACKGROUND)
    }
}
