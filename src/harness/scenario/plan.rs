//! The plan of a run: a scenario after every name, unit and value in it was checked. Nothing past this point checks
//! them again. Knows nothing of TOML positions; `file.rs` has those.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::wire::Admission;

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
    /// The faults, in file order.
    pub faults: Vec<FaultPlan>,
    /// Limits on what was measured; crossing one costs exit code 99.
    pub thresholds: Vec<Threshold>,
    /// What must have happened at least once, or the run is void.
    pub sometimes: Vec<Sometimes>,
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

impl Plan {
    /// When the last load stops starting iterations, after the beginning of the run.
    pub fn load_duration(&self) -> Duration {
        self.loads.iter().map(Load::end).max().unwrap_or_default()
    }
}

impl Load {
    /// When the load stops starting iterations, after the beginning of the run.
    pub fn end(&self) -> Duration {
        self.start + self.executor.duration()
    }
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
    /// Price of each seat, in cents, at least 1.
    pub price_cents: i64,
    /// How long a reservation holds its seats; whole seconds, at least 1.
    #[serde(with = "duration_ms")]
    pub hold_ttl: Duration,
}

/// How the simulated payment provider behaves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Payments {
    /// Share of charges declined, 0 to 1.
    pub decline: f64,
    /// Time a charge takes.
    #[serde(with = "duration_ms")]
    pub latency: Duration,
    /// Share of charges captured but never answered, 0 to 1.
    pub drop_reply: f64,
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

/// Durations are stored as whole milliseconds.
mod duration_ms {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(value.as_millis()).unwrap_or(u64::MAX))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

/// A plan for tests, with something of everything.
#[cfg(test)]
pub fn sample() -> Plan {
    let second = Duration::from_secs(1);
    Plan {
        title: "A sale".to_owned(),
        name: "sample".to_owned(),
        seed: 42,
        target: Target {
            strategy: "redlock".to_owned(),
            instances: 2,
            redis_nodes: 3,
            env: BTreeMap::from([("LOCK_TTL_MS".to_owned(), "1000".to_owned())]),
        },
        inventory: Inventory {
            events: 1,
            admission: Admission::Seated,
            seats: 200,
            tickets_per_user: Some(4),
            price_cents: 5000,
            hold_ttl: 30 * second,
        },
        payments: Payments { decline: 0.1, latency: second / 50, drop_reply: 0.0 },
        generator: GeneratorLimits { max_dropped: 0, max_lag_p99: second / 10 },
        checkers: vec!["ledger".to_owned()],
        loads: vec![Load {
            name: "rush".to_owned(),
            exec: "checkout".to_owned(),
            start: second,
            seats_per_order: (1, 4),
            abandon: 0.1,
            buyers: None,
            duplicates: 1,
            other_body: 0.0,
            request_timeout: 5 * second,
            executor: Executor::RampingArrivalRate {
                start_rate: 10.0,
                stages: vec![Stage { target: 80.0, duration: 10 * second }],
                max_vus: 64,
            },
        }],
        faults: vec![FaultPlan {
            name: "redis slow".to_owned(),
            kind: "latency".to_owned(),
            on: FaultTarget::Proxy("redis".to_owned()),
            at: 5 * second,
            duration: 5 * second,
            when: Moment::Any,
            stream: "downstream".to_owned(),
            toxicity: 1.0,
            attributes: BTreeMap::from([("latency".to_owned(), 200)]),
        }],
        thresholds: vec![Threshold {
            metric: "seats_sold".to_owned(),
            expr: "count==200".to_owned(),
        }],
        sometimes: vec![Sometimes { expr: "ops{outcome:info} > 0".to_owned() }],
    }
}
