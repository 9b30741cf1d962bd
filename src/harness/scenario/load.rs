//! The `[load.*]` tables: who asks for what, when, how often. Knows nothing of the target.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::harness::parsing::Section;
use crate::harness::plan::{Executor, Inventory, Load, Stage};
use crate::harness::workloads::{self, WORKLOADS};

/// An executor's name, and what it is for.
type ExecutorEntry = (&'static str, &'static str, fn(&mut Section<'_>) -> Executor);

/// Every executor, as `chaos list` shows them; names and meanings are k6's.
pub const EXECUTORS: &[ExecutorEntry] = &[
    (
        "constant-vus",
        "a closed loop: each of `vus` starts its next iteration when the last one ended",
        constant_vus,
    ),
    (
        "constant-arrival-rate",
        "an open loop: `rate` iterations a second, however slow the answers",
        constant_rate,
    ),
    (
        "ramping-arrival-rate",
        "an open loop whose rate moves in straight lines through `stages`",
        ramping_rate,
    ),
];

const VUS: RangeInclusive<u32> = 1..=5_000;
/// A ramp may begin and end at rest; a constant rate may not.
const RATE_MIN: f64 = 0.1;
const RATE_MAX: f64 = 100_000.0;
const HOUR: Duration = Duration::from_hours(1);
const MILLISECOND: Duration = Duration::from_millis(1);

/// Every `[load.*]`, in file order. What is sold is `None` where its table was refused.
pub fn read_all(section: Option<Section<'_>>, inventory: Option<&Inventory>) -> Vec<Load> {
    let Some(section) = section else { return Vec::new() };
    let entries = section.entries();
    if entries.is_empty() {
        section.refuse_table("there is no load; add a table such as [load.rush]");
    }
    let read_one = |(name, value): (serde_spanned::Spanned<&str>, _)| {
        section.table_of(value, "a load").map(|table| read(name.get_ref(), table, inventory))
    };
    entries.into_iter().filter_map(read_one).collect()
}

fn read(name: &str, mut section: Section<'_>, inventory: Option<&Inventory>) -> Load {
    section.need(&["executor", "exec"]);
    let executors: Vec<&str> = EXECUTORS.iter().map(|(name, ..)| *name).collect();
    let workloads: Vec<&str> = WORKLOADS.iter().map(|workload| workload.name()).collect();
    let executor = section.choice("executor", "executor", &executors);
    let exec = section.choice("exec", "workload", &workloads).unwrap_or_default();
    let unmet =
        workloads::find(exec).zip(inventory).and_then(|(exec, sold)| exec.unmet_requirement(sold));
    if let Some(advice) = unmet {
        section.refuse("exec", format!("\"{exec}\" {advice}"));
    }
    let load = Load {
        name: name.to_owned(),
        exec: exec.to_owned(),
        start: section.duration("start", Duration::ZERO..=HOUR).unwrap_or_default(),
        seats_per_order: seats_per_order(&mut section),
        abandon: section.number("abandon", 0.0..=1.0).unwrap_or(0.0),
        buyers: section.integer("buyers", 1..=1_000_000),
        duplicates: section.integer("duplicates", 1..=256).unwrap_or(1),
        other_body: section.number("other_body", 0.0..=1.0).unwrap_or(0.0),
        request_timeout: section
            .duration("request_timeout", Duration::from_millis(10)..=Duration::from_mins(1))
            .unwrap_or(Duration::from_secs(5)),
        executor: match EXECUTORS.iter().find(|(name, ..)| Some(*name) == executor) {
            Some((.., read)) => read(&mut section),
            // Which other keys belong here depends on the executor: without one they cannot be judged.
            None => return placeholder(name),
        },
    };
    if load.other_body > 0.0 && load.duplicates < 2 {
        section.refuse(
            "other_body",
            "\"other_body\" is a share of the copies; set \"duplicates\" to 2 or more",
        );
    }
    section.done();
    load
}

fn constant_vus(section: &mut Section<'_>) -> Executor {
    section.need(&["vus", "duration"]);
    Executor::ConstantVus {
        vus: section.integer("vus", VUS).unwrap_or(1),
        duration: section.duration("duration", MILLISECOND..=HOUR).unwrap_or_default(),
        iterations: section.integer("iterations", 1..=i64::MAX).map(i64::unsigned_abs),
    }
}

fn constant_rate(section: &mut Section<'_>) -> Executor {
    section.need(&["rate", "duration", "max_vus"]);
    Executor::ConstantArrivalRate {
        rate: section.number("rate", RATE_MIN..=RATE_MAX).unwrap_or(1.0),
        duration: section.duration("duration", MILLISECOND..=HOUR).unwrap_or_default(),
        max_vus: section.integer("max_vus", VUS).unwrap_or(1),
    }
}

fn ramping_rate(section: &mut Section<'_>) -> Executor {
    section.need(&["stages", "max_vus"]);
    let start_rate = section.number("start_rate", 0.0..=RATE_MAX).unwrap_or(0.0);
    let stages: Vec<Stage> = section.tables("stages").into_iter().map(stage).collect();
    let total: Duration = stages.iter().map(|stage| stage.duration).sum();
    if section.has("stages") {
        if stages.is_empty() {
            section.refuse(
                "stages",
                "\"stages\" is empty; add one such as { target = 100, duration = \"10s\" }",
            );
        } else if total.is_zero() {
            section.refuse("stages", "the stages last no time at all; give one of them a duration");
        } else if start_rate <= 0.0 && stages.iter().all(|stage| stage.target <= 0.0) {
            section.refuse("stages", "the rate is 0 throughout; give a stage a target above 0");
        }
    }
    Executor::RampingArrivalRate {
        start_rate,
        stages,
        max_vus: section.integer("max_vus", VUS).unwrap_or(1),
    }
}

fn stage(mut section: Section<'_>) -> Stage {
    section.need(&["target", "duration"]);
    let stage = Stage {
        target: section.number("target", 0.0..=RATE_MAX).unwrap_or(0.0),
        duration: section.duration("duration", Duration::ZERO..=HOUR).unwrap_or_default(),
    };
    section.done();
    stage
}

fn seats_per_order(section: &mut Section<'_>) -> (u32, u32) {
    let Some(items) = section.array("seats_per_order") else { return (1, 1) };
    let bounds: Vec<u32> = items
        .iter()
        .filter_map(|item| section.integer_of(item, "a number of seats"))
        .filter_map(|seats| u32::try_from(seats).ok())
        .collect();
    match bounds[..] {
        [low, high] if 1 <= low && low <= high && high <= 50 => (low, high),
        _ => {
            section.refuse(
                "seats_per_order",
                "\"seats_per_order\" has to be [LEAST, MOST] with 1 <= LEAST <= MOST <= 50",
            );
            (1, 1)
        }
    }
}

fn placeholder(name: &str) -> Load {
    Load {
        name: name.to_owned(),
        exec: String::new(),
        start: Duration::ZERO,
        seats_per_order: (1, 1),
        abandon: 0.0,
        buyers: None,
        duplicates: 1,
        other_body: 0.0,
        request_timeout: Duration::ZERO,
        executor: Executor::ConstantVus { vus: 1, duration: HOUR, iterations: None },
    }
}
