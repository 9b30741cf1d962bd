//! The `[load.*]` tables: who asks for what, when, how often. What is common to all loads is read here; executor and
//! workload read the rest. Knows nothing of the target.

use std::time::Duration;

use serde_spanned::Spanned;

use crate::harness::load::executors;
use crate::harness::parsing::Section;
use crate::harness::plan::{BACKGROUND, Inventory, Load};
use crate::harness::workloads;

const START_MAX: Duration = Duration::from_hours(1);
const BUYERS_MAX: u32 = 1_000_000;
const REQUEST_TIMEOUT_MIN: Duration = Duration::from_millis(10);
const REQUEST_TIMEOUT_MAX: Duration = Duration::from_mins(1);

/// Every `[load.*]`, in file order. What is sold is `None` where its table was refused.
pub fn read_all(section: Option<Section<'_>>, inventory: Option<&Inventory>) -> Vec<Load> {
    let Some(section) = section else { return Vec::new() };
    let entries = section.entries();
    if entries.is_empty() {
        section.refuse_table("there is no load; add a table such as [load.rush]");
    }
    let read_one = |(name, value): (Spanned<&str>, _)| {
        read(name.get_ref(), section.table_of(value, "a load")?, inventory)
    };
    entries.into_iter().filter_map(read_one).collect()
}

fn read(name: &str, mut section: Section<'_>, inventory: Option<&Inventory>) -> Option<Load> {
    section.need(&["executor", "exec"]);
    if Load::is_background(name) {
        section.refuse_table(format!("names of loads don't begin with \"{BACKGROUND}\""));
    }
    let executor = section.choice("executor", "executor", &executors::names());
    let workload = section.choice("exec", "workload", &workloads::names());
    let start = section.duration("start", Duration::ZERO..=START_MAX).unwrap_or_default();
    let buyers = section.integer("buyers", 1..=BUYERS_MAX);
    let request_timeout = section
        .duration("request_timeout", REQUEST_TIMEOUT_MIN..=REQUEST_TIMEOUT_MAX)
        .unwrap_or(Duration::from_secs(5));
    // Which other keys belong here, executor and workload say: without both of them they cannot be judged.
    let (executor, workload) = (executors::find(executor?)?, workloads::find(workload?)?);
    let load = Load {
        name: name.to_owned(),
        start,
        buyers,
        request_timeout,
        workload: workload.read(&mut section),
        executor: executor.read(&mut section),
    };
    match inventory.and_then(|sold| workload.unmet_requirement(sold)) {
        // The keys of a workload that has to go are not held against the one that takes its place.
        Some(advice) => section.refuse("exec", format!("\"{}\" {advice}", workload.name())),
        None => section.done(),
    }
    Some(load)
}
