//! Invariants over a recorded run. To add one: a new file, its `mod` line, a line in `CHECKERS`.

/// What a checker is given and what it may say.
pub mod verdict;
/// Counting what broke, and naming it.
mod violations;
/// No seat has two sales in the database.
pub mod database;
/// What clients were told is theirs.
pub mod told;
/// No seat was promised to two clients.
pub mod clients;
/// One key, one effect.
pub mod idempotency;
/// Money follows seats.
pub mod ledger;
/// What was promised exists.
pub mod acknowledged;
/// Nothing is held past its end.
pub mod expired_holds;
/// An event's own rules: how many tickets a user may have, and that it is on at all.
pub mod event_rules;
/// Evidence for tests.
#[cfg(test)]
pub mod crafted;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use verdict::{CheckResult, CheckVerdict, Checker, Evidence};

/// Every checker.
pub const CHECKERS: &[&dyn Checker] = &[
    &database::NoDoubleSellDatabase,
    &clients::NoDoubleSellClients,
    &idempotency::Idempotency,
    &ledger::Ledger,
    &acknowledged::AcknowledgedBookings,
    &expired_holds::ExpiredHolds,
    &event_rules::EventRules,
];

/// Runs the checkers that the plan names, in its order. A name that is no checker is unknown, never a pass.
pub fn run(evidence: &Evidence<'_>) -> Vec<CheckResult> {
    evidence.plan.checkers.iter().map(|name| run_one(name, evidence)).collect()
}

fn run_one(name: &str, evidence: &Evidence<'_>) -> CheckResult {
    match CHECKERS.iter().find(|checker| checker.name() == name) {
        Some(checker) => guarded(*checker, evidence),
        None => CheckResult::unknown(name, "there is no checker of this name"),
    }
}

/// A checker that breaks proves nothing.
fn guarded(checker: &dyn Checker, evidence: &Evidence<'_>) -> CheckResult {
    catch_unwind(AssertUnwindSafe(|| checker.check(evidence))).unwrap_or_else(|_panic| {
        CheckResult::unknown(checker.name(), "the checker panicked, see stderr")
    })
}

/// The word on all of them: the worst one. Nothing checked is nothing known.
pub fn verdict(results: &[CheckResult]) -> CheckVerdict {
    results.iter().map(|result| result.verdict).max().unwrap_or(CheckVerdict::Unknown)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::crafted::Case;
    use super::{CHECKERS, CheckResult, CheckVerdict, Checker, Evidence, guarded, run, verdict};

    #[test]
    fn every_checker_says_unknown_about_a_run_in_which_nothing_happened() {
        let case = Case::new();
        for checker in CHECKERS {
            let result = checker.check(&case.evidence());
            assert_eq!(result.verdict, CheckVerdict::Unknown, "{result:?}");
            assert_eq!((result.name.as_str(), result.violations), (checker.name(), 0));
            assert!(!checker.summary().is_empty());
        }
        let names: BTreeSet<&str> = CHECKERS.iter().map(|checker| checker.name()).collect();
        assert_eq!(names.len(), CHECKERS.len(), "names are unique");
    }

    #[test]
    fn every_checker_passes_an_honest_sale() {
        let case = Case::honest_sale();
        for checker in CHECKERS {
            let result = checker.check(&case.evidence());
            assert_eq!(result.verdict, CheckVerdict::Pass, "{result:?}");
        }
    }

    #[test]
    fn the_worst_word_is_the_last_word() {
        let result = |verdict| CheckResult { verdict, ..CheckResult::unknown("x", "") };
        let (pass, unknown, fail) =
            (result(CheckVerdict::Pass), result(CheckVerdict::Unknown), result(CheckVerdict::Fail));
        assert_eq!(verdict(&[pass.clone(), pass.clone()]), CheckVerdict::Pass);
        assert_eq!(verdict(&[pass.clone(), unknown.clone()]), CheckVerdict::Unknown);
        assert_eq!(verdict(&[unknown, fail, pass]), CheckVerdict::Fail);
        assert_eq!(verdict(&[]), CheckVerdict::Unknown);
    }

    #[test]
    fn a_checker_that_breaks_or_does_not_exist_is_unknown() {
        struct Broken;
        impl Checker for Broken {
            fn name(&self) -> &'static str {
                "broken"
            }
            fn summary(&self) -> &'static str {
                "panics"
            }
            fn check(&self, _evidence: &Evidence<'_>) -> CheckResult {
                panic!("on purpose")
            }
        }
        let mut case = Case::honest_sale();
        assert_eq!(guarded(&Broken, &case.evidence()).verdict, CheckVerdict::Unknown);
        case.plan.checkers = vec!["ledger".to_owned(), "no-such".to_owned()];
        let results = run(&case.evidence());
        assert_eq!(results[0].verdict, CheckVerdict::Pass);
        assert_eq!(
            (results[1].name.as_str(), results[1].verdict),
            ("no-such", CheckVerdict::Unknown)
        );
    }
}
