//! Counting what broke: all of it is counted; the first, the worst and the last are kept. Knows nothing of any
//! invariant.

use std::collections::BTreeMap;

use crate::domain::counted;
use crate::harness::recorder::Operation;
use crate::harness::summary::{CheckResult, CheckVerdict, Violation};

/// Things of one sort that a violation kept as an example names at most.
const NAMED_MAX: usize = 20;

/// What broke so far.
#[derive(Debug, Default)]
pub struct Violations {
    kinds: BTreeMap<String, u64>,
    first: Option<Violation>,
    worst: Option<(u64, Violation)>,
    last: Option<Violation>,
}

impl Violations {
    /// Adds one; `badness` compares it to the others, and of equally bad ones the earlier is the worst.
    pub fn add(&mut self, badness: u64, mut violation: Violation) {
        *self.kinds.entry(violation.kind.clone()).or_default() += 1;
        name_few(&mut violation);
        if self.worst.as_ref().is_none_or(|(worst, _)| badness > *worst) {
            self.worst = Some((badness, violation.clone()));
        }
        if self.first.is_none() {
            self.first = Some(violation);
        } else {
            self.last = Some(violation);
        }
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.kinds.values().sum()
    }

    /// The result of a checker that judged so many facts: fail when anything broke, unknown for the reason `nothing` when
    /// there was nothing to judge, else pass with what `held` says.
    pub fn result(
        self,
        name: &str,
        judged: u64,
        nothing: &str,
        held: impl FnOnce() -> String,
    ) -> CheckResult {
        let violations = self.count();
        let Some(first) = self.first else {
            return match judged {
                0 => CheckResult::unknown(name, nothing),
                _ => CheckResult::pass(name, judged, held()),
            };
        };
        let count = counted(violations, "violation");
        let (detail, examples) = match (self.worst, self.last) {
            (_, None) => (format!("{count}: {}", first.text), vec![first]),
            (Some((_, worst)), Some(last)) if worst != first && worst != last => (
                format!(
                    "{count}: {} (first); {} (worst); {} (last)",
                    first.text, worst.text, last.text
                ),
                vec![first, worst, last],
            ),
            (_, Some(last)) => (
                format!("{count}: {} (first); {} (last)", first.text, last.text),
                vec![first, last],
            ),
        };
        CheckResult {
            name: name.to_owned(),
            verdict: CheckVerdict::Fail,
            detail,
            judged,
            violations,
            violation_kinds: self.kinds,
            examples,
        }
    }
}

/// Keeps a record bounded, however many took part.
fn name_few(violation: &mut Violation) {
    let Violation {
        kind: _,
        text: _,
        seats,
        events,
        reservations,
        bookings,
        payments,
        users,
        keys,
    } = violation;
    seats.truncate(NAMED_MAX);
    for ids in [events, reservations, bookings, payments, users] {
        ids.truncate(NAMED_MAX);
    }
    keys.truncate(NAMED_MAX);
}

/// A request that broke something: what its sender did or was told, and when.
pub fn of_request(op: &Operation, kind: &str, text: &str) -> Violation {
    Violation {
        seats: op.seats.clone(),
        reservations: op.reservation.into_iter().collect(),
        bookings: op.booking.into_iter().collect(),
        users: vec![op.user],
        keys: op.key.iter().cloned().collect(),
        ..Violation::new(kind, format!("buyer {} {text}, at {}", op.user, at(op.completed_us)))
    }
}

/// Microseconds as `1.234 s`.
pub fn at(us: u64) -> String {
    format!("{}.{:03} s", us / 1_000_000, us / 1_000 % 1_000)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{NAMED_MAX, Violations, at};
    use crate::harness::summary::{CheckResult, CheckVerdict, Violation};

    #[test]
    fn all_are_counted_by_kind_and_three_are_kept() {
        let mut violations = Violations::default();
        for (badness, text) in [(1, "a"), (9, "b"), (9, "c"), (2, "d")] {
            let kind = if text == "a" { "odd" } else { "even" };
            let seats = (1..100).collect();
            violations.add(badness, Violation { seats, ..Violation::new(kind, text) });
        }
        let result = violations.result("x", 9, "", String::new);
        assert_eq!(result.detail, "4 violations: a (first); b (worst); d (last)");
        assert_eq!((result.violations, result.judged), (4, 9));
        let kinds = BTreeMap::from([("even".to_owned(), 3), ("odd".to_owned(), 1)]);
        assert_eq!(result.violation_kinds, kinds);
        let kept: Vec<&str> = result.examples.iter().map(|kept| kept.text.as_str()).collect();
        assert_eq!(kept, ["a", "b", "d"]);
        assert!(result.examples.iter().all(|kept| kept.seats.len() == NAMED_MAX));

        let mut one = Violations::default();
        one.add(1, Violation::new("odd", "a"));
        let result = one.result("x", 9, "", String::new);
        assert_eq!((result.detail.as_str(), result.examples.len()), ("1 violation: a", 1));
    }

    #[test]
    fn what_broke_nothing_passes_with_what_was_judged_and_nothing_judged_is_unknown() {
        let held = || "all of it".to_owned();
        let passed = Violations::default().result("x", 3, "no sale", held);
        assert_eq!(passed, CheckResult::pass("x", 3, "all of it"));
        let unknown = Violations::default().result("x", 0, "no sale", held);
        assert_eq!(unknown, CheckResult::unknown("x", "no sale"));
        let mut broke = Violations::default();
        broke.add(1, Violation::new("odd", "a"));
        assert_eq!(broke.result("x", 0, "no sale", held).verdict, CheckVerdict::Fail);
    }

    #[test]
    fn times_are_in_seconds() {
        assert_eq!(at(1_234_567), "1.234 s");
    }
}
