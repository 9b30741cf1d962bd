//! What a self-test came to, for people and for programs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;

use super::outcome::{End, Outcome};
use super::trials::Subject;
use crate::cli::output;
use crate::domain::counted;
use crate::sabotage;

/// Prints every bug.
pub fn list() {
    let mut table = output::table();
    for (class, bug) in sabotage::all() {
        table.add_row([class.name, bug.name, bug.scenario, bug.origin]);
    }
    output::data(table.trim_fmt());
}

/// What a self-test came to. Its JSON is what other programs read.
#[derive(Debug, Serialize)]
pub struct Results {
    /// 0, 1 or 4.
    pub exit_code: u8,
    /// Seconds in all.
    seconds: f64,
    /// Each bug.
    bugs: Vec<BugResult>,
    /// Runs without a bug.
    clean: Vec<RunResult>,
}

/// What became of a bug.
#[derive(Debug, Serialize)]
struct BugResult {
    name: &'static str,
    class: &'static str,
    scenario: &'static str,
    strategy: Option<&'static str>,
    /// How many of its runs caught it.
    caught: usize,
    runs: Vec<RunResult>,
}

/// What became of a run.
#[derive(Debug, Serialize)]
struct RunResult {
    #[serde(skip_serializing_if = "Option::is_none")]
    clean: Option<String>,
    seed: u64,
    is_right: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<u8>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    broken: BTreeMap<String, BTreeMap<String, u64>>,
    /// Facts that each checker judged; said of clean runs.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    judged: BTreeMap<String, u64>,
    #[serde(skip_serializing_if = "String::is_empty")]
    why: String,
    operations: u64,
    load_seconds: f64,
    /// Operations and seconds to the first one that a violation names.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_trace: Option<(u64, f64)>,
}

impl RunResult {
    fn of(outcome: &Outcome) -> Self {
        let is_clean = matches!(outcome.trial.subject, Subject::Clean { .. });
        let (clean, seed) = (is_clean.then(|| outcome.trial.name()), outcome.trial.seed);
        let is_right = outcome.is_right();
        match &outcome.end {
            End::CouldNot(why) => Self {
                clean,
                seed,
                is_right,
                exit_code: None,
                broken: BTreeMap::new(),
                judged: BTreeMap::new(),
                why: why.clone(),
                operations: 0,
                load_seconds: 0.0,
                first_trace: None,
            },
            End::Judged(judged) => {
                let why = if judged.exit_code == 1 { String::new() } else { judged.why.clone() };
                Self {
                    clean,
                    seed,
                    is_right,
                    exit_code: Some(judged.exit_code),
                    broken: judged.broken.clone(),
                    judged: if is_clean { judged.facts.clone() } else { BTreeMap::new() },
                    why,
                    operations: judged.operations,
                    load_seconds: judged.seconds,
                    first_trace: judged.trace.map(|trace| (trace.operations, trace.seconds)),
                }
            }
        }
    }
}

impl Results {
    /// Of these outcomes, in their order.
    pub fn new(outcomes: &[Outcome], took: Duration) -> Self {
        let is_unmade = |outcome: &Outcome| matches!(outcome.end, End::CouldNot(_));
        let exit_code = if outcomes.iter().any(is_unmade) {
            4
        } else {
            u8::from(!outcomes.iter().all(Outcome::is_right))
        };
        let mut bugs: Vec<BugResult> = Vec::new();
        let mut clean = Vec::new();
        for outcome in outcomes {
            let run = RunResult::of(outcome);
            let Subject::Bug(class, bug) = outcome.trial.subject else {
                clean.push(run);
                continue;
            };
            if bugs.last().is_none_or(|last| last.name != bug.name) {
                bugs.push(BugResult {
                    name: bug.name,
                    class: class.name,
                    scenario: bug.scenario,
                    strategy: bug.strategy,
                    caught: 0,
                    runs: Vec::new(),
                });
            }
            if let Some(result) = bugs.last_mut() {
                result.caught += usize::from(run.is_right);
                result.runs.push(run);
            }
        }
        Self { exit_code, seconds: took.as_secs_f64(), bugs, clean }
    }

    /// Prints it as a table, and what is not as it should be below.
    pub fn print(&self) {
        let mut table = output::table();
        table.set_header(["bug", "scenario", "caught", "by", "first trace after", "of"]);
        for bug in &self.bugs {
            table.add_row([
                bug.name.to_owned(),
                bug.scenario.to_owned(),
                format!("{}/{}", bug.caught, bug.runs.len()),
                bug.by(),
                bug.first_traces(),
                format!(
                    "{}, {} s",
                    range(bug.runs.iter().map(|run| run.operations.to_string())),
                    range(bug.runs.iter().map(|run| format!("{:.1}", run.load_seconds)))
                ),
            ]);
        }
        output::data(table.trim_fmt());
        for run in self.clean.iter().filter(|run| !run.is_right) {
            let name = run.clean.as_deref().unwrap_or_default();
            let why =
                if run.why.is_empty() { format!("{:?}", run.broken) } else { run.why.clone() };
            output::data(format_args!("NOT PASSED: {name}, seed {}: {why}", run.seed));
        }
        let caught = self.bugs.iter().filter(|bug| bug.caught == bug.runs.len()).count();
        let passed = self.clean.iter().filter(|run| run.is_right).count();
        output::data(format_args!(
            "{caught} of {} caught with every seed, {passed} of {} passed, {:.0} s, exit code {}",
            counted(self.bugs.len() as u64, "bug"),
            counted(self.clean.len() as u64, "clean run"),
            self.seconds,
            self.exit_code
        ));
    }
}

impl BugResult {
    /// Operations and seconds of load until the first one that a violation names.
    fn first_traces(&self) -> String {
        let traces = || self.runs.iter().filter_map(|run| run.first_trace);
        if traces().next().is_none() {
            return String::new();
        }
        let operations = range(traces().map(|(operations, _)| operations.to_string()));
        let seconds = range(traces().map(|(_, seconds)| format!("{seconds:.1}")));
        format!("{operations}, {seconds} s")
    }

    /// Who caught it, with which kinds of violation, in any of its runs.
    fn by(&self) -> String {
        let mut by: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (checker, kinds) in self.runs.iter().flat_map(|run| &run.broken) {
            by.entry(checker).or_default().extend(kinds.keys().map(String::as_str));
        }
        let by = by.into_iter().map(|(checker, kinds)| {
            format!("{checker}: {}", kinds.into_iter().collect::<Vec<_>>().join(", "))
        });
        let mut lines: Vec<String> = by.collect();
        let missed = self.runs.iter().find(|run| !run.is_right);
        lines.extend(missed.map(|run| format!("MISSED with seed {}: {}", run.seed, run.why)));
        lines.join("\n")
    }
}

/// The smallest and the largest of these numbers, as far as they differ.
fn range(numbers: impl Iterator<Item = String>) -> String {
    // Of numbers with equally many places, the longer one is the larger one.
    let mut numbers: Vec<String> = numbers.collect();
    numbers.sort_by(|one, other| one.len().cmp(&other.len()).then_with(|| one.cmp(other)));
    match (numbers.first(), numbers.last()) {
        (Some(smallest), Some(largest)) if smallest != largest => {
            format!("{smallest} to {largest}")
        }
        (only, _) => only.cloned().unwrap_or_default(),
    }
}
