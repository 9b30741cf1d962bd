//! What a checker is given and what it may say.

use serde::{Deserialize, Serialize};

use crate::harness::plan::Plan;
use crate::harness::recorder::Operation;
use crate::storage::audit::Audit;
use crate::wire::Charge;

/// All that a checker sees: the recorded run. Checking needs no stack and can be repeated on an old run.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// What was planned.
    pub plan: &'a Plan,
    /// Every operation, in order of completion.
    pub history: &'a [Operation],
    /// The database, read after settling.
    pub audit: &'a Audit,
    /// The payment provider's own ledger, read after settling.
    pub ledger: &'a [Charge],
}

/// A checker's word. Ordered: merging takes the maximum, so that a broken invariant outweighs everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckVerdict {
    /// The invariant held, and there was something to hold it against.
    Pass,
    /// Nothing can be said.
    Unknown,
    /// The invariant broke.
    Fail,
}

impl CheckVerdict {
    /// The word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "held",
            Self::Unknown => "unknown",
            Self::Fail => "broke",
        }
    }
}

/// One checker's finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckResult {
    /// The checker.
    pub name: String,
    /// Its word.
    pub verdict: CheckVerdict,
    /// What was counted when it held; what broke, naming seats, buyers, keys, when it did not (first, worst and last of many).
    pub detail: String,
    /// How often it broke.
    pub violations: u64,
}

/// An invariant over a recorded run.
pub trait Checker: Sync {
    /// Its name, as scenarios and reports write it.
    fn name(&self) -> &'static str;
    /// One line for `chaos list`.
    fn summary(&self) -> &'static str;
    /// Judges the run.
    fn check(&self, evidence: &Evidence<'_>) -> CheckResult;
}
