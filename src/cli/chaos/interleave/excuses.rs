//! Conditions that no order of two requests misses, and why.

/// A condition of a statement.
struct Excuse {
    /// What only the statement has.
    within: &'static str,
    /// A part of the condition.
    condition: &'static str,
    /// Why nothing breaks without it.
    why: &'static str,
}

/// Every one.
const EXCUSES: &[Excuse] = &[];

/// Why nothing breaks without the condition, where that is on record.
pub fn excuse(statement: &str, condition: &str) -> Option<&'static str> {
    let is_meant = |excuse: &&Excuse| {
        statement.contains(excuse.within) && condition.contains(excuse.condition)
    };
    EXCUSES.iter().find(is_meant).map(|excuse| excuse.why)
}
