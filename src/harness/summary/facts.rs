//! What happened while a run ran and nothing else in its folder says. Written as `run.json`, so that the run can be judged
//! again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::harness::plan::EvidenceKind;

/// The facts of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunFacts {
    /// The command that repeats the run, with the same seed.
    pub repeat: String,
    /// Version of ticketctl that ran it.
    pub version: String,
    /// What the target gave to judge it from.
    pub evidence: Vec<EvidenceKind>,
    /// The generator's own record.
    pub generator: GeneratorSummary,
    /// Iterations that had to be aborted, their last request unrecorded.
    pub aborted: u64,
    /// Seconds of load.
    pub load_seconds: f64,
    /// What each fault saw of its own doing.
    pub faults: Vec<Strike>,
    /// What the servers counted themselves, by the name of the series, summed over servers and labels.
    pub server_counts: BTreeMap<String, u64>,
}

/// The generator's own record.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GeneratorSummary {
    /// Iterations started.
    pub iterations: u64,
    /// Iterations dropped for want of a free VU.
    pub dropped: u64,
    /// p99 of how late iterations started, milliseconds.
    pub lag_ms_p99: f64,
}

/// What a fault saw of its own doing. Whether it bit is decided by what the load felt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Strike {
    /// Its name.
    pub name: String,
    /// Whether it did anything at all, for all that it can see.
    #[serde(rename = "seen", alias = "bit")]
    pub is_seen: bool,
    /// What it did, or why it did nothing.
    pub evidence: String,
    /// When it began, milliseconds since the beginning of the load; absent where it never did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began_ms: Option<u64>,
    /// When it was healed, or given up, milliseconds since the beginning of the load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_ms: Option<u64>,
    /// When it was in force; absent where it never was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
}

/// When a fault was in force, microseconds since the beginning of the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// From the moment before it struck.
    pub struck_us: u64,
    /// Until the moment before it was healed.
    pub healed_us: u64,
}

impl Window {
    /// How long something that lasted from one time to another was within it, microseconds.
    pub fn overlap_us(self, from_us: u64, until_us: u64) -> u64 {
        until_us.min(self.healed_us).saturating_sub(from_us.max(self.struck_us))
    }
}

/// What a fault did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultSummary {
    /// Its name.
    pub name: String,
    /// It had an effect on the load.
    pub bit: bool,
    /// What was observed, or what was looked for in vain.
    pub evidence: String,
    /// Operations of the load that were under way at what it struck, while it was in force; absent where these don't decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub under_way: Option<u64>,
    /// Those of them that it delayed, cut off or made fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub struck: Option<u64>,
    /// When it began, milliseconds since the beginning of the load; absent where it never did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began_ms: Option<u64>,
    /// When it was healed, or given up, milliseconds since the beginning of the load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_ms: Option<u64>,
}

impl FaultSummary {
    /// Whether it lasted at any moment from one time to another, milliseconds since the beginning of the load.
    pub fn lasted_within(&self, from_ms: u64, until_ms: u64) -> bool {
        let (Some(began), Some(ended)) = (self.began_ms, self.ended_ms) else { return false };
        began < until_ms && from_ms <= ended
    }
}
