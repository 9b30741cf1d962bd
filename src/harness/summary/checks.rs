//! What a checker may say of a run. Knows no checker.

use serde::{Deserialize, Serialize};

/// A checker's word. Ordered: merging takes the maximum, so that a broken invariant outweighs everything, and what was not
/// judged changes nothing as long as anything was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckVerdict {
    /// The target can't give what the checker needs.
    NotJudged,
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
            Self::NotJudged => "not judged",
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
    /// What was counted when it held; what broke, naming seats, buyers, keys, when it did not (first, worst and last of
    /// many); else why nothing is said.
    pub detail: String,
    /// How often it broke.
    pub violations: u64,
}

impl CheckResult {
    /// The invariant held against what `detail` counts.
    pub fn pass(name: &str, detail: impl Into<String>) -> Self {
        Self::without_violations(name, CheckVerdict::Pass, detail.into())
    }

    /// Nothing can be said, for this reason.
    pub fn unknown(name: &str, detail: impl Into<String>) -> Self {
        Self::without_violations(name, CheckVerdict::Unknown, detail.into())
    }

    /// The target can't give what the checker needs: this.
    pub fn not_judged(name: &str, detail: impl Into<String>) -> Self {
        Self::without_violations(name, CheckVerdict::NotJudged, detail.into())
    }

    fn without_violations(name: &str, verdict: CheckVerdict, detail: String) -> Self {
        Self { name: name.to_owned(), verdict, detail, violations: 0 }
    }
}
