//! A plan for tests, with something of everything.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{
    ExecutorChoice, FaultPlan, GeneratorLimits, Inventory, Load, Payments, Plan, Settings,
    Sometimes, Target, Threshold, WorkloadChoice,
};
use crate::wire::Admission;

/// A plan for tests, with something of everything.
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
            price_cents: vec![5000],
            hold_ttl: 30 * second,
        },
        payments: Payments { decline: 0.1, latency: second / 50, ..Payments::default() },
        generator: GeneratorLimits { max_dropped: 0, max_lag_p99: second / 10 },
        checkers: vec!["ledger".to_owned()],
        loads: vec![Load {
            name: "rush".to_owned(),
            start: second,
            buyers: None,
            request_timeout: 5 * second,
            workload: WorkloadChoice {
                name: "checkout".to_owned(),
                settings: Settings::of(&toml::toml! {
                    seats_per_order = [1, 4]
                    abandon = 0.1
                }),
            },
            executor: ExecutorChoice {
                name: "ramping-arrival-rate".to_owned(),
                settings: Settings::of(&toml::toml! {
                    start_rate = 10.0
                    stages = [{ target = 80.0, duration = 10000 }]
                    max_vus = 64
                }),
            },
        }],
        background: Vec::new(),
        faults: vec![FaultPlan {
            name: "redis slow".to_owned(),
            kind: "latency".to_owned(),
            at: 5 * second,
            duration: 5 * second,
            settings: Settings::of(&toml::toml! {
                proxy = "redis"
                stream = "downstream"
                toxicity = 1.0
                attributes = { latency = 200, jitter = 0 }
            }),
        }],
        thresholds: vec![Threshold {
            metric: "seats_sold".to_owned(),
            expr: "count==200".to_owned(),
        }],
        sometimes: vec![Sometimes { expr: "ops{outcome:info} > 0".to_owned() }],
    }
}
