//! The loads of the scenarios that ship: kept in a plan and opened again as they were read.

use std::collections::BTreeSet;

use crate::harness::load::executors;
use crate::harness::plan::Plan;
use crate::harness::{scenario, workloads};

#[test]
fn executors_and_workloads_of_every_scenario_that_ships_read_what_they_wrote_into_the_plan() {
    let scenarios = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let known = scenario::Known { strategies: &["row_lock", "redlock", "optimistic"] };
    let mut read: BTreeSet<String> = BTreeSet::new();
    for entry in std::fs::read_dir(scenarios).unwrap() {
        let plan = scenario::load(&entry.unwrap().path(), &known, &scenario::Overrides::default())
            .unwrap();
        let stored: Plan = toml::from_str(&toml::to_string(&plan).unwrap()).unwrap();
        assert_eq!(stored, plan);
        for load in stored.loads.into_iter().chain(stored.background) {
            executors::open(&load.executor).unwrap();
            workloads::open(&load.workload).map(drop).unwrap();
            read.extend([load.executor.name, load.workload.name]);
        }
    }
    let all = executors::names().into_iter().chain(workloads::names());
    assert_eq!(read, all.map(str::to_owned).collect(), "some scenario uses each of them");
}
