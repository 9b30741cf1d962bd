//! How a trial's run ended, as against how it had to end.

use std::collections::BTreeMap;

use super::bench::Made;
use super::trace::Trace;
use super::trials::{Subject, Trial};
use crate::cli::output;
use crate::domain::counted;
use crate::harness::summary::CheckVerdict;

/// A trial that was made.
#[derive(Debug)]
pub struct Outcome {
    /// The trial.
    pub trial: Trial,
    /// What became of it.
    pub end: End,
}

/// What became of a trial.
#[derive(Debug)]
pub enum End {
    /// The run was judged.
    Judged(Box<Judged>),
    /// It could not be made, for this reason.
    CouldNot(String),
}

/// A verdict, as far as a self-test is about it.
#[derive(Debug)]
pub struct Judged {
    /// The exit code that `chaos run` would have.
    pub exit_code: u8,
    /// What broke, by checker: each kind of violation and how often.
    pub broken: BTreeMap<String, BTreeMap<String, u64>>,
    /// Facts that each checker judged.
    pub facts: BTreeMap<String, u64>,
    /// Why it is no pass, where nothing broke.
    pub why: String,
    /// Operations of the run.
    pub operations: u64,
    /// Seconds of load.
    pub seconds: f64,
    /// When it first bore a trace of what broke, where anything did.
    pub trace: Option<Trace>,
}

impl Outcome {
    /// Of a run's summary, or of what kept it from being made.
    pub fn of(trial: Trial, made: anyhow::Result<Made>) -> Self {
        let end = match made {
            Ok(made) => End::Judged(Box::new(judged(&made))),
            Err(error) => End::CouldNot(output::one_line(&error)),
        };
        Self { trial, end }
    }

    /// Whether a bug was caught, or a clean run passed.
    pub fn is_right(&self) -> bool {
        match (&self.end, self.trial.subject) {
            (End::Judged(judged), Subject::Bug(..)) => judged.exit_code == 1,
            (End::Judged(judged), Subject::Clean { .. }) => judged.exit_code == 0,
            (End::CouldNot(_), _) => false,
        }
    }

    /// Whether nothing broke, and another run on a quieter machine may say more.
    pub fn proves_nothing(&self) -> bool {
        matches!(&self.end, End::Judged(judged) if matches!(judged.exit_code, 3 | 99))
    }

    /// In one line.
    pub fn line(&self) -> String {
        let name = format!("{}, seed {}", self.trial.name(), self.trial.seed);
        match &self.end {
            End::CouldNot(reason) => format!("{name}: could not run: {reason}"),
            End::Judged(judged) => {
                let load = format!(
                    "{} in {:.1} s",
                    counted(judged.operations, "operation"),
                    judged.seconds
                );
                let word = match (self.trial.subject, judged.exit_code) {
                    (Subject::Bug(..), 1) => format!("caught by {}{}", judged.by(), judged.since()),
                    (Subject::Bug(..), _) => format!("MISSED ({})", judged.why),
                    (Subject::Clean { .. }, 0) => "passed".to_owned(),
                    (Subject::Clean { .. }, 1) => format!("FALSE ALARM by {}", judged.by()),
                    (Subject::Clean { .. }, _) => format!("NOT PASSED ({})", judged.why),
                };
                format!("{name}: {word}, {load}")
            }
        }
    }
}

impl Judged {
    /// When it first bore a trace, in words.
    fn since(&self) -> String {
        self.trace.map_or_else(String::new, |Trace { operations, seconds }| {
            format!(", first trace after {} in {seconds:.1} s", counted(operations, "operation"))
        })
    }

    /// What broke, in words.
    pub fn by(&self) -> String {
        let kinds = |kinds: &BTreeMap<String, u64>| {
            let kinds: Vec<String> =
                kinds.iter().map(|(kind, number)| format!("{kind} {number}")).collect();
            kinds.join(", ")
        };
        let checkers: Vec<String> = self
            .broken
            .iter()
            .map(|(name, broken)| format!("{name} ({})", kinds(broken)))
            .collect();
        checkers.join(" · ")
    }
}

fn judged(Made { summary, trace }: &Made) -> Judged {
    let broken = summary.checkers.iter().filter(|result| result.verdict == CheckVerdict::Fail);
    let crossed = summary.thresholds.iter().filter(|threshold| !threshold.ok);
    let crossed =
        crossed.map(|threshold| format!("{} {} crossed", threshold.metric, threshold.expr));
    let mut why: Vec<String> = summary.void_reasons.iter().cloned().chain(crossed).collect();
    if why.is_empty() {
        why.push("nothing broke".to_owned());
    }
    Judged {
        exit_code: summary.exit_code,
        broken: broken
            .map(|result| (result.name.clone(), result.violation_kinds.clone()))
            .collect(),
        facts: summary.checkers.iter().map(|result| (result.name.clone(), result.judged)).collect(),
        why: why.join("; "),
        operations: summary.operations.total(),
        seconds: summary.load_seconds,
        trace: *trace,
    }
}
