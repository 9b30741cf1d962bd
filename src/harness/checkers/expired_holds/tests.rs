//! Holds that end when they should, and holds that don't.

use std::time::Duration;

use super::ExpiredHolds;
use crate::domain::ReservationState;
use crate::harness::checkers::fixtures::Case;
use crate::harness::checkers::judge;
use crate::harness::recorder::fixtures::ends_at;
use crate::harness::summary::{CheckResult, CheckVerdict};
use crate::storage::audit::{Finding, FindingKind, ReservationRow};

fn check(case: &Case) -> CheckResult {
    judge(&ExpiredHolds, case.collected())
}

fn with_a_hold_that_ended(ago: Duration) -> Case {
    let mut case = Case::honest_sale();
    case.audit.reservations[2].state = ReservationState::Held;
    case.audit.taken_at = case.audit.reservations[2].expires_at + ago;
    case
}

#[test]
fn a_hold_long_past_its_end_fails_and_one_just_past_it_does_not() {
    let result = check(&with_a_hold_that_ended(Duration::from_secs(61)));
    assert_eq!((result.verdict, result.violations), (CheckVerdict::Fail, 1));
    assert!(result.detail.contains("of seats [5, 6] ended 61 s ago"), "{}", result.detail);
    assert_eq!(check(&with_a_hold_that_ended(Duration::from_secs(5))).verdict, CheckVerdict::Pass);
}

#[test]
fn a_live_hold_is_fine() {
    let mut case = with_a_hold_that_ended(Duration::ZERO);
    case.audit.taken_at -= Duration::from_secs(20);
    assert_eq!(check(&case).detail, "20 reservations: 0 expired, 1 still live");
}

#[test]
fn a_blocked_seat_found_by_the_audit_fails() {
    let mut case = Case::honest_sale();
    let finding = |kind| Finding {
        kind,
        detail: "seat 9 is claimed by reservation 1, which is expired".to_owned(),
    };
    case.audit.findings.push(finding(FindingKind::BookingWithoutPayment));
    assert_eq!(check(&case).verdict, CheckVerdict::Pass, "that is another checker's business");
    case.audit.findings.push(finding(FindingKind::OrphanedHold));
    assert_eq!(check(&case).verdict, CheckVerdict::Fail);
}

fn fails(break_it: impl FnOnce(&mut Case), kind: &str) {
    let mut case = Case::honest_sale();
    assert_eq!(check(&case).verdict, CheckVerdict::Pass);
    break_it(&mut case);
    let result = check(&case);
    assert_eq!((result.verdict, result.violations), (CheckVerdict::Fail, 1), "{kind}: {result:?}");
    assert!(result.violation_kinds.contains_key(kind), "{kind}: {result:?}");
}

#[test]
fn a_hold_that_was_sold_at_its_end_or_paid_for_after_it_fails() {
    fails(|case| case.audit.reservations[0].ended_at = Some(ends_at()), "sold_after_end");
    fails(|case| case.audit.bookings[0].created_at = ends_at(), "paid_after_end");
}

#[test]
fn a_hold_that_expired_before_its_end_fails() {
    let expired = |ended_at| {
        move |case: &mut Case| {
            let row = &mut case.audit.reservations[0];
            (row.state, row.ended_at) = (ReservationState::Expired, Some(ended_at));
        }
    };
    fails(expired(ends_at() - Duration::from_millis(1)), "ended_early");
    let mut case = Case::honest_sale();
    expired(ends_at())(&mut case);
    assert_eq!(check(&case).verdict, CheckVerdict::Pass);
}

#[test]
fn a_hold_lasts_as_long_as_was_asked_and_twice_as_long_once_extended() {
    let longer = |row: &mut ReservationRow, by: Duration| {
        row.expires_at += by;
        row.extended_at = Some(row.created_at + Duration::from_secs(10));
    };
    fails(
        |case| case.audit.reservations[0].expires_at -= Duration::from_secs(1),
        "hold_not_as_asked",
    );
    fails(
        |case| case.audit.reservations[0].expires_at += Duration::from_secs(30),
        "hold_not_as_asked",
    );
    fails(|case| longer(&mut case.audit.reservations[0], Duration::ZERO), "hold_not_as_asked");
    fails(
        |case| longer(&mut case.audit.reservations[0], Duration::from_secs(90)),
        "hold_not_as_asked",
    );
    fails(
        |case| {
            let row = &mut case.audit.reservations[0];
            longer(row, Duration::from_secs(30));
            row.extended_at = Some(ends_at());
        },
        "extended_after_end",
    );
    let mut case = Case::honest_sale();
    longer(&mut case.audit.reservations[0], Duration::from_secs(30));
    assert_eq!(check(&case).verdict, CheckVerdict::Pass);
}
