//! Which keys each table of a scenario knows, learned by giving it one that it can't know; and that `docs/scenarios.md`
//! describes them all and no others.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::booking::strategies;
use crate::cli::chaos::list;
use crate::harness::scenario::{self, Form, Known, Overrides};

/// A key that no table knows.
const STRANGE: &str = "strange_key = 1\n";
/// What is on sale, refused: then it isn't held against any workload.
const NO_INVENTORY: &str = "[inventory]\n";
const HEAD: &str = "schema_version = 1\ntitle = \"x\"\n";
const TARGET: &str = "[target]\nstrategy = \"row_lock\"\n";
const INVENTORY: &str = "[inventory]\nseats = 9\n";

/// The keys that are valid where the strange one stands; none where the reader never got there.
fn valid_keys(scenario: &str) -> Option<BTreeSet<String>> {
    let file = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
    fs::write(file.path(), scenario).unwrap();
    let known = Known { strategies: &strategies::names() };
    let overrides = Overrides { form: Form::Full, ..Overrides::default() };
    let refusal = scenario::load(file.path(), &known, &overrides).unwrap_err().to_string();
    let line = refusal.lines().find(|line| line.contains("unknown key \"strange_key\""))?;
    let (_, names) = line.split_once("valid names: ")?;
    Some(names.split(", ").map(str::to_owned).collect())
}

fn keys_of_load(executor: &str, workload: &str) -> BTreeSet<String> {
    let load = format!("[load.x]\nexecutor = \"{executor}\"\nexec = \"{workload}\"\n{STRANGE}");
    valid_keys(&format!("{HEAD}{TARGET}{NO_INVENTORY}{load}")).unwrap()
}

fn keys_of_fault(kind: &str) -> BTreeSet<String> {
    let fault = format!("[[faults]]\ntype = \"{kind}\"\n{STRANGE}");
    valid_keys(&format!("{HEAD}{TARGET}{INVENTORY}[load]\n{fault}")).unwrap()
}

fn names(group: &str) -> Vec<String> {
    let groups = list::groups();
    let (_, rows) = groups.iter().find(|(title, _)| *title == group).unwrap();
    rows.iter().map(|[name, ..]| name.clone()).collect()
}

/// Each executor's own keys.
pub fn keys_of_executors() -> BTreeMap<String, Vec<String>> {
    own_keys(&names("executors"), |executor| keys_of_load(executor, "checkout"))
}

/// Each workload's own keys.
pub fn keys_of_workloads() -> BTreeMap<String, Vec<String>> {
    own_keys(&names("workloads"), |workload| keys_of_load("constant-vus", workload))
}

/// The keys of each that not all of them have.
fn own_keys(
    names: &[String],
    keys: impl Fn(&str) -> BTreeSet<String>,
) -> BTreeMap<String, Vec<String>> {
    let all: Vec<BTreeSet<String>> = names.iter().map(|name| keys(name)).collect();
    let shared = all.iter().cloned().reduce(|shared, keys| &shared & &keys).unwrap();
    let own = all.iter().map(|keys| (keys - &shared).into_iter().collect());
    names.iter().cloned().zip(own).collect()
}

/// The keys of the table below a heading of the document.
fn described(document: &str, heading: &str) -> BTreeSet<String> {
    let (_, rest) = document.split_once(&format!("\n### {heading}\n")).expect(heading);
    let section = rest.split("\n#").next().unwrap();
    let cells = section.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    cells.flat_map(|cell| cell.trim_end_matches('`').split("`, `")).map(str::to_owned).collect()
}

#[test]
fn every_key_of_a_scenario_is_described_and_no_other() {
    let document =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/scenarios.md")).unwrap();
    let whole = format!("{TARGET}{INVENTORY}");
    let mut top = valid_keys(&format!("{HEAD}{STRANGE}{whole}")).unwrap();
    // Taken out before anything is read.
    top.insert("quick".to_owned());
    let loads = names("executors").into_iter().flat_map(|executor| {
        names("workloads").into_iter().flat_map(move |workload| keys_of_load(&executor, &workload))
    });
    let faults = names("faults").into_iter().flat_map(|kind| keys_of_fault(&kind));
    let stage =
        "[load.x]\nexecutor = \"ramping-arrival-rate\"\nexec = \"checkout\"\n[[load.x.stages]]\n";
    let expected = [
        ("At the top", top),
        ("`[target]`", valid_keys(&format!("{HEAD}{TARGET}{STRANGE}")).unwrap()),
        ("`[inventory]`", valid_keys(&format!("{HEAD}{INVENTORY}{STRANGE}")).unwrap()),
        ("`[load.NAME]`", loads.collect()),
        ("A stage", valid_keys(&format!("{HEAD}{whole}{stage}{STRANGE}")).unwrap()),
        ("`[[faults]]`", faults.collect()),
        ("`[background]`", valid_keys(&format!("{HEAD}[background]\n{STRANGE}")).unwrap()),
        ("`[payments]`", valid_keys(&format!("{HEAD}[payments]\n{STRANGE}")).unwrap()),
        ("`[generator]`", valid_keys(&format!("{HEAD}[generator]\n{STRANGE}")).unwrap()),
        ("`[[sometimes]]`", valid_keys(&format!("{HEAD}[[sometimes]]\n{STRANGE}")).unwrap()),
    ];
    for (heading, keys) in expected {
        assert_eq!(described(&document, heading), keys, "{heading}");
    }
}
