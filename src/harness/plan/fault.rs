//! The faults of a plan: what breaks and when. What a kind of fault has to know beyond that stands here as settings that only
//! it can read.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::duration_ms;
use super::settings::Settings;

/// One fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FaultPlan {
    /// The fault's name, unique in the scenario.
    pub name: String,
    /// Name of a fault kind, as `chaos list` shows them.
    pub kind: String,
    /// Start after the beginning of the load.
    #[serde(with = "duration_ms")]
    pub at: Duration,
    /// Healed after this long.
    #[serde(with = "duration_ms")]
    pub duration: Duration,
    /// What this kind of fault alone can read.
    #[serde(flatten)]
    pub settings: Settings,
}
