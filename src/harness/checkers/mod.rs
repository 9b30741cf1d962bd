//! Invariants over a recorded run. To add one: a new file, its `mod` line, a line in `CHECKERS`.

/// What a run is judged from.
pub mod evidence;
/// Counting what broke, and naming it.
mod violations;
/// No seat has two sales in the database.
pub mod database;
/// No seat had two claims at one moment.
pub mod over_time;
/// How the database's clock stands to the clients'.
mod clocks;
/// What clients may call theirs.
mod claims;
/// What may be whose, at the widest.
mod possible;
/// How much of it may be whose.
mod tickets;
/// No seat was promised to two clients.
pub mod clients;
/// A hold is its buyer's until its end.
pub mod live_holds;
/// A no has a cause.
pub mod refusals;
/// One key, one effect.
pub mod idempotency;
/// Money follows seats.
pub mod ledger;
/// What was told is what is stored.
pub mod answers;
/// What was promised exists.
pub mod acknowledged;
/// What was promised of holds is so, and was asked for.
pub mod acknowledged_holds;
/// Everybody has what is theirs.
pub mod access;
/// Nothing is held past its end.
pub mod expired_holds;
/// An event's own rules: how many tickets a user may have, and that it is on at all.
pub mod event_rules;
/// Evidence for tests.
#[cfg(test)]
pub mod fixtures;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use evidence::{Collected, Evidence, Undeclared};

use super::plan::EvidenceKind;
use super::summary::{CheckResult, CheckVerdict};

/// An invariant over a recorded run.
pub trait Checker: Sync {
    /// Its name, as scenarios and reports write it.
    fn name(&self) -> &'static str;
    /// One line for `chaos list`.
    fn summary(&self) -> &'static str;
    /// What it judges from. Where a target can't give one of these, the run is not judged by this checker.
    fn needs(&self) -> &'static [EvidenceKind];
    /// Judges the run.
    ///
    /// # Errors
    /// It read what it does not need by its own word.
    fn check(&self, evidence: &Evidence<'_>) -> Result<CheckResult, Undeclared>;
}

/// Every checker.
pub const CHECKERS: &[&dyn Checker] = &[
    &database::NoDoubleSellDatabase,
    &clients::NoDoubleSellClients,
    &over_time::NoDoubleSellOverTime,
    &live_holds::LiveHolds,
    &refusals::Refusals,
    &idempotency::Idempotency,
    &ledger::Ledger,
    &acknowledged::AcknowledgedBookings,
    &acknowledged_holds::AcknowledgedHolds,
    &answers::Answers,
    &access::Access,
    &expired_holds::ExpiredHolds,
    &event_rules::EventRules,
];

/// Runs the checkers that the plan names, in its order. A name that is no checker is unknown, never a pass.
pub fn run(collected: Collected<'_>) -> Vec<CheckResult> {
    let judge_by = |name: &String| match CHECKERS.iter().find(|checker| checker.name() == name) {
        Some(checker) => judge(*checker, collected),
        None => CheckResult::unknown(name, "there is no checker of this name"),
    };
    collected.plan.checkers.iter().map(judge_by).collect()
}

/// One checker's word. One that breaks proves nothing.
pub fn judge(checker: &dyn Checker, collected: Collected<'_>) -> CheckResult {
    let name = checker.name();
    let evidence = match collected.evidence(checker.needs()) {
        Ok(evidence) => evidence,
        Err(missing) => {
            return CheckResult::not_judged(
                name,
                format!("the target gives no {}", missing.name()),
            );
        }
    };
    match catch_unwind(AssertUnwindSafe(|| checker.check(&evidence))) {
        Ok(Ok(result)) => result,
        Ok(Err(undeclared)) => CheckResult::unknown(name, undeclared.to_string()),
        Err(_panic) => CheckResult::unknown(name, "the checker panicked, see stderr"),
    }
}

/// The word on all of them: the worst one. Nothing judged is nothing known.
pub fn verdict(results: &[CheckResult]) -> CheckVerdict {
    match results.iter().map(|result| result.verdict).max() {
        None | Some(CheckVerdict::NotJudged) => CheckVerdict::Unknown,
        Some(worst) => worst,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::fixtures::Case;
    use super::{
        CHECKERS, CheckResult, CheckVerdict, Checker, Collected, Evidence, EvidenceKind,
        Undeclared, judge, run, verdict,
    };

    #[test]
    fn every_checker_says_unknown_about_a_run_in_which_nothing_happened() {
        let case = Case::new();
        for checker in CHECKERS {
            let result = judge(*checker, case.collected());
            assert_eq!(result.verdict, CheckVerdict::Unknown, "{result:?}");
            assert_eq!((result.name.as_str(), result.violations), (checker.name(), 0));
            assert_eq!(result.judged, 0, "{result:?}");
            assert!(!checker.summary().is_empty());
        }
        let names: BTreeSet<&str> = CHECKERS.iter().map(|checker| checker.name()).collect();
        assert_eq!(names.len(), CHECKERS.len(), "names are unique");
    }

    #[test]
    fn every_checker_passes_an_honest_sale_with_what_it_needs_and_nothing_else() {
        let case = Case::honest_sale();
        for checker in CHECKERS {
            let needs = |kind| checker.needs().contains(&kind);
            let all = case.collected();
            let needed = Collected {
                audit: all.audit.filter(|_| needs(EvidenceKind::Audit)),
                ledger: all.ledger.filter(|_| needs(EvidenceKind::Ledger)),
                ..all
            };
            let result = judge(*checker, needed);
            assert_eq!(result.verdict, CheckVerdict::Pass, "{result:?}");
            assert!(result.judged > 0, "{result:?}");
        }
    }

    #[test]
    fn a_target_without_what_a_checker_needs_is_not_judged_by_it() {
        let case = Case::honest_sale();
        let all = case.collected();
        let without = |kind, less| {
            for checker in CHECKERS {
                let result = judge(*checker, less);
                let is_needed = checker.needs().contains(&kind);
                let not_judged = result.verdict == CheckVerdict::NotJudged;
                assert_eq!(not_judged, is_needed, "{result:?}");
                let reason = format!("the target gives no {}", kind.name());
                assert_eq!(result.detail == reason, is_needed, "{result:?}");
            }
        };
        without(EvidenceKind::Audit, Collected { audit: None, ..all });
        without(EvidenceKind::Ledger, Collected { ledger: None, ..all });
    }

    #[test]
    fn the_worst_word_is_the_last_word_and_what_was_not_judged_has_none() {
        let result = |verdict| CheckResult { verdict, ..CheckResult::unknown("x", "") };
        let (pass, unknown, fail) =
            (result(CheckVerdict::Pass), result(CheckVerdict::Unknown), result(CheckVerdict::Fail));
        let not_judged = CheckResult::not_judged("x", "");
        assert_eq!(verdict(&[pass.clone(), not_judged.clone()]), CheckVerdict::Pass);
        assert_eq!(verdict(&[pass.clone(), unknown.clone()]), CheckVerdict::Unknown);
        assert_eq!(verdict(&[unknown, fail, not_judged.clone(), pass]), CheckVerdict::Fail);
        assert_eq!(verdict(&[not_judged]), CheckVerdict::Unknown, "nothing was judged");
        assert_eq!(verdict(&[]), CheckVerdict::Unknown);
    }

    /// A checker made for a test.
    struct Odd(fn(&Evidence<'_>) -> Result<CheckResult, Undeclared>);

    impl Checker for Odd {
        fn name(&self) -> &'static str {
            "odd"
        }
        fn summary(&self) -> &'static str {
            "breaks in one way or another"
        }
        fn needs(&self) -> &'static [EvidenceKind] {
            &[EvidenceKind::History]
        }
        fn check(&self, evidence: &Evidence<'_>) -> Result<CheckResult, Undeclared> {
            self.0(evidence)
        }
    }

    #[test]
    fn a_checker_that_breaks_or_does_not_exist_is_unknown() {
        let mut case = Case::honest_sale();
        let broken = judge(&Odd(|_| panic!("on purpose")), case.collected());
        assert_eq!(broken.verdict, CheckVerdict::Unknown);
        case.plan.checkers = vec!["ledger".to_owned(), "no-such".to_owned()];
        let results = run(case.collected());
        assert_eq!(results[0].verdict, CheckVerdict::Pass);
        assert_eq!(
            (results[1].name.as_str(), results[1].verdict),
            ("no-such", CheckVerdict::Unknown)
        );
    }

    #[test]
    fn a_checker_that_reads_what_it_did_not_declare_is_unknown_even_where_it_is_there() {
        let case = Case::honest_sale();
        let reads_history = Odd(|evidence| {
            evidence.history()?;
            Ok(CheckResult::pass("odd", 1, ""))
        });
        assert_eq!(judge(&reads_history, case.collected()).verdict, CheckVerdict::Pass);
        let reads_more: [Odd; 2] = [
            Odd(|evidence| {
                evidence.audit()?;
                Ok(CheckResult::pass("odd", 1, ""))
            }),
            Odd(|evidence| {
                evidence.ledger()?;
                Ok(CheckResult::pass("odd", 1, ""))
            }),
        ];
        for checker in reads_more {
            let result = judge(&checker, case.collected());
            assert_eq!(result.verdict, CheckVerdict::Unknown);
            assert!(result.detail.contains("without declaring"), "{}", result.detail);
        }
    }
}
