//! What a checker may say of a run. Knows no checker.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

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
    /// How many facts it judged, of the kind that `detail` counts when it held; nothing is said where there were none.
    #[serde(default)]
    pub judged: u64,
    /// How often it broke.
    pub violations: u64,
    /// The same by kind of violation; empty when it did not break.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub violation_kinds: BTreeMap<String, u64>,
    /// The first, the worst and the last violation, each once; empty when it did not break.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<Violation>,
}

/// The kind of a violation that is a seat sold twice, or more tickets sold than there are.
pub const DOUBLE_SELL: &str = "double_sell";

/// One way in which an invariant broke, and what it names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// What kind of violation, as its checker calls it: [`DOUBLE_SELL`], `unpaid_booking` ….
    pub kind: String,
    /// One line for people.
    pub text: String,
    /// Seats it names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seats: Vec<i64>,
    /// Events it names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Uuid>,
    /// Reservations it names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reservations: Vec<Uuid>,
    /// Bookings it names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bookings: Vec<Uuid>,
    /// Payments it names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub payments: Vec<Uuid>,
    /// Buyers it names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<Uuid>,
    /// Idempotency keys it names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
}

impl Violation {
    /// A violation that names nothing; what it names is added by struct update.
    pub fn new(kind: &str, text: impl Into<String>) -> Self {
        Self { kind: kind.to_owned(), text: text.into(), ..Self::default() }
    }
}

impl CheckResult {
    /// The invariant held against so many facts, which `detail` counts.
    pub fn pass(name: &str, judged: u64, detail: impl Into<String>) -> Self {
        Self { judged, ..Self::without_violations(name, CheckVerdict::Pass, detail.into()) }
    }

    /// Nothing can be said, for this reason.
    pub fn unknown(name: &str, detail: impl Into<String>) -> Self {
        Self::without_violations(name, CheckVerdict::Unknown, detail.into())
    }

    /// The target can't give what the checker needs: this.
    pub fn not_judged(name: &str, detail: impl Into<String>) -> Self {
        Self::without_violations(name, CheckVerdict::NotJudged, detail.into())
    }

    /// How many of the violations are seats sold twice.
    pub fn double_sells(&self) -> u64 {
        self.violation_kinds.get(DOUBLE_SELL).copied().unwrap_or_default()
    }

    fn without_violations(name: &str, verdict: CheckVerdict, detail: String) -> Self {
        Self {
            name: name.to_owned(),
            verdict,
            detail,
            judged: 0,
            violations: 0,
            violation_kinds: BTreeMap::new(),
            examples: Vec::new(),
        }
    }
}
