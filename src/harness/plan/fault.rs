//! The faults of a plan: what breaks, where and when.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::duration_ms;

/// One fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FaultPlan {
    /// The fault's name, unique in the scenario.
    pub name: String,
    /// Name of a fault kind, as `chaos list` shows them.
    pub kind: String,
    /// What it strikes.
    pub on: FaultTarget,
    /// Start after the beginning of the load.
    #[serde(with = "duration_ms")]
    pub at: Duration,
    /// Healed after this long.
    #[serde(with = "duration_ms")]
    pub duration: Duration,
    /// The moment inside the window at which it strikes.
    pub when: Moment,
    /// `downstream` or `upstream` (network faults).
    pub stream: String,
    /// Share of connections it strikes, 0 to 1 (network faults).
    pub toxicity: f64,
    /// Toxiproxy attributes, integers (network faults).
    pub attributes: BTreeMap<String, i64>,
}

/// What a fault strikes. Names are kept as written: `redis`, `redis-2`, `server-1.redis`, `postgres`, `client.server-1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultTarget {
    /// The proxies that this name selects.
    Proxy(String),
    /// The process of this name: `server-1`, `redis-2`, `postgres`.
    Process(String),
    /// The event of this number, from 1.
    Event(u32),
}

/// The moment at which a fault strikes once its `at` has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// At once.
    Any,
    /// While the server has a transaction open in PostgreSQL (process faults on a server).
    InTransaction,
    /// When the payment provider has captured a charge of this server and not yet answered (process faults on a server).
    Charged,
}
