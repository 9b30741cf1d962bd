//! The plan of a run: a scenario after every name, unit and value in it was checked. Nothing past this point checks
//! them again. Ground floor of the harness: names no other part of it, and knows nothing of TOML positions.

/// The loads.
mod load;
/// The faults.
mod fault;
/// What a run can be judged from.
mod evidence;
/// Settings that only their owner can read.
mod settings;
/// How durations are stored.
pub mod duration_ms;
#[cfg(test)]
mod sample;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::wire::Admission;

pub use evidence::EvidenceKind;
pub use fault::FaultPlan;
pub use load::{BACKGROUND, ExecutorChoice, Load, WorkloadChoice};
#[cfg(test)]
pub use sample::sample;
pub use settings::Settings;

/// Everything a run is decided by; stored with it as `plan.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// One line saying what the scenario is about.
    pub title: String,
    /// The scenario file's stem, such as `flash-sale`.
    pub name: String,
    /// Every random choice of the run derives from it.
    pub seed: u64,
    /// The servers under test.
    pub target: Target,
    /// What is for sale.
    pub inventory: Inventory,
    /// How the simulated payment provider behaves.
    pub payments: Payments,
    /// When the run counts as void because of the generator itself.
    pub generator: GeneratorLimits,
    /// Names of the checkers to run, in table order.
    pub checkers: Vec<String>,
    /// The loads, in file order; they run at the same time, each from its own `start`.
    pub loads: Vec<Load>,
    /// Buyers beside them, who are judged as all are, and otherwise no part of what the scenario measures: they are after
    /// an event of their own (see [`Plan::background_inventory`]).
    #[serde(default)]
    pub background: Vec<Load>,
    /// The faults, in file order.
    pub faults: Vec<FaultPlan>,
    /// Limits on what was measured; crossing one costs exit code 99.
    pub thresholds: Vec<Threshold>,
    /// What must have happened at least once, or the run is void.
    pub sometimes: Vec<Sometimes>,
}

/// Seats of the event that the background is after.
const BACKGROUND_SEATS: u32 = 400;
/// Its prices.
const BACKGROUND_PRICES_CENTS: [i64; 3] = [2_500, 4_000, 5_500];

/// Servers hold seats so long, or as long as the plan's buyers ask for: what one-step sales hold is not to run out.
const HOLD_TTL_MIN: Duration = Duration::from_mins(5);
/// The servers' setting for that.
const HOLD_TTL_ENV: &str = "HOLD_TTL";

impl Plan {
    /// How long servers hold seats where nobody says how long, and the setting that tells them; none where the scenario sets it
    /// itself.
    pub fn hold_ttl(&self) -> Option<(&'static str, Duration)> {
        let is_usual = !self.target.env.contains_key(HOLD_TTL_ENV);
        is_usual.then(|| (HOLD_TTL_ENV, HOLD_TTL_MIN.max(self.inventory.hold_ttl)))
    }

    /// What is for sale to the background, where there is one: an event like the others, without a limit for one user.
    pub fn background_inventory(&self) -> Option<Inventory> {
        (!self.background.is_empty()).then(|| Inventory {
            events: 1,
            seats: BACKGROUND_SEATS,
            tickets_per_user: None,
            price_cents: BACKGROUND_PRICES_CENTS.to_vec(),
            ..self.inventory.clone()
        })
    }
}

/// The servers that the run starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// Name of a booking strategy.
    pub strategy: String,
    /// Server processes, 1 to 8.
    pub instances: u32,
    /// Redis nodes: 1, 3 or 5.
    pub redis_nodes: u32,
    /// Settings of the servers, as environment variables (`REDLOCK_RETRY_COUNT` …).
    pub env: BTreeMap<String, String>,
}

/// What is for sale.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Inventory {
    /// Events, 1 to 100.
    pub events: u32,
    /// Whether its seats have places or are only counted.
    pub admission: Admission,
    /// Seats of each event, one a ticket where they have no place; 1 to 1,000,000.
    pub seats: u32,
    /// Tickets one user may have of an event; not limited where absent.
    pub tickets_per_user: Option<u32>,
    /// Prices in cents, each at least 1: the first seat has the first, the next the next, then again from the first on. At
    /// least one.
    pub price_cents: Vec<i64>,
    /// How long a reservation holds its seats; whole seconds, at least 1.
    #[serde(with = "duration_ms")]
    pub hold_ttl: Duration,
}

/// How the simulated payment provider behaves.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Payments {
    /// Share of charges declined, 0 to 1.
    pub decline: f64,
    /// Time a charge takes.
    #[serde(with = "duration_ms")]
    pub latency: Duration,
    /// Share of charges and refunds carried out but never answered, 0 to 1.
    pub drop_reply: f64,
    /// Share of calls that are answered with an error and not carried out, 0 to 1.
    #[serde(default)]
    pub error: f64,
}

/// When the run counts as void because of the generator itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GeneratorLimits {
    /// Iterations that may be dropped for want of a free VU.
    pub max_dropped: u64,
    /// p99 of how late iterations started, against their schedule.
    #[serde(with = "duration_ms")]
    pub max_lag_p99: Duration,
}

impl GeneratorLimits {
    /// Where a scenario says nothing. Weaker ones are told with the verdict.
    pub const USUAL: Self = Self { max_dropped: 0, max_lag_p99: Duration::from_millis(100) };
}

/// One threshold: `"http_req_duration{op:hold}" = ["p(99)<500"]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// The metric as written.
    pub metric: String,
    /// The expression as written.
    pub expr: String,
}

/// `[[sometimes]] expr = "ops{outcome:info} > 0"`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sometimes {
    /// The expression as written.
    pub expr: String,
}
