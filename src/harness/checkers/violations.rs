//! Counting what broke: all of it is counted; the first, the worst and the last are named. Knows nothing of any
//! invariant.

use crate::harness::summary::{CheckResult, CheckVerdict};

/// What broke so far.
#[derive(Debug, Default)]
pub struct Violations {
    count: u64,
    first: Option<String>,
    worst: Option<(u64, String)>,
    last: Option<String>,
}

impl Violations {
    /// Adds one; `badness` compares it to the others, and of equally bad ones the earlier is the worst.
    pub fn add(&mut self, badness: u64, what: String) {
        self.count += 1;
        if self.worst.as_ref().is_none_or(|(worst, _)| badness > *worst) {
            self.worst = Some((badness, what.clone()));
        }
        if self.first.is_none() {
            self.first = Some(what);
        } else {
            self.last = Some(what);
        }
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The result of a checker: fail when anything broke, else what `otherwise` says.
    pub fn result(self, name: &str, otherwise: impl FnOnce() -> CheckResult) -> CheckResult {
        let Some(first) = self.first else { return otherwise() };
        let count = counted(self.count, "violation");
        let detail = match (self.worst, self.last) {
            (_, None) => format!("{count}: {first}"),
            (Some((_, worst)), Some(last)) if worst != first && worst != last => {
                format!("{count}: {first} (first); {worst} (worst); {last} (last)")
            }
            (_, Some(last)) => format!("{count}: {first} (first); {last} (last)"),
        };
        CheckResult {
            name: name.to_owned(),
            verdict: CheckVerdict::Fail,
            detail,
            violations: self.count,
        }
    }
}

/// `1 seat`, `12,345 seats`.
pub fn counted(count: impl TryInto<u64>, noun: &str) -> String {
    let count = count.try_into().unwrap_or(u64::MAX);
    let digits = count.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let plural = if count == 1 { "" } else { "s" };
    format!("{grouped} {noun}{plural}")
}

/// Microseconds as `1.234 s`.
pub fn at(us: u64) -> String {
    format!("{}.{:03} s", us / 1_000_000, us / 1_000 % 1_000)
}

#[cfg(test)]
mod tests {
    use super::{Violations, at, counted};
    use crate::harness::summary::CheckResult;

    #[test]
    fn all_are_counted_and_three_are_named() {
        let mut violations = Violations::default();
        for (badness, what) in [(1, "a"), (9, "b"), (9, "c"), (2, "d")] {
            violations.add(badness, what.to_owned());
        }
        let result = violations.result("x", || CheckResult::pass("x", ""));
        assert_eq!(result.detail, "4 violations: a (first); b (worst); d (last)");
        assert_eq!(result.violations, 4);

        let mut one = Violations::default();
        one.add(1, "a".to_owned());
        assert_eq!(one.result("x", || CheckResult::pass("x", "")).detail, "1 violation: a");
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(counted(1_u64, "seat"), "1 seat");
        assert_eq!(counted(999_usize, "seat"), "999 seats");
        assert_eq!(counted(1_234_567_i64, "seat"), "1,234,567 seats");
        assert_eq!(at(1_234_567), "1.234 s");
    }
}
