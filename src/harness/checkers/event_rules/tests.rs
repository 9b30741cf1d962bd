//! The rules of events, broken and kept.

use std::time::Duration;

use super::EventRules;
use super::cancelled::CANCEL_MAX;
use crate::domain::{EventStatus, Holds, ReservationState};
use crate::harness::checkers::fixtures::Case;
use crate::harness::checkers::judge;
use crate::harness::recorder::fixtures::{
    TTL_US, book, booking, cancel_booking, cancel_event, ended, hold, user,
};
use crate::harness::recorder::{OpKind, Operation, Outcome};
use crate::harness::summary::{CheckResult, CheckVerdict};
use crate::storage::audit::{Audit, Finding, FindingKind};

fn check(case: &Case) -> CheckResult {
    judge(&EventRules, case.collected())
}

fn limited(history: Vec<Operation>) -> CheckResult {
    let mut case = Case { history, ..Case::new() };
    case.audit.events[0].tickets_per_user_max = Some(4);
    check(&case)
}

fn keyed(key: &str, operation: Operation) -> Operation {
    Operation { key: Some(key.to_owned()), ..operation }
}

#[test]
fn a_buyer_told_to_have_more_tickets_than_allowed_fails_even_if_only_for_a_moment() {
    let two = hold(user(1), &[1, 2], 0..10);
    let three = keyed("other", hold(user(1), &[3, 4, 5], 100..110));
    let result = limited(vec![two.clone(), three.clone()]);
    assert_eq!((result.verdict, result.violations), (CheckVerdict::Fail, 1));
    assert!(result.detail.contains("5 tickets"), "{}", result.detail);
    let sold = book(user(1), &[3, 4, 5], booking(1), 100..110);
    assert_eq!(limited(vec![two.clone(), sold]).verdict, CheckVerdict::Fail);
    let others = hold(user(2), &[3, 4, 5], 100..110);
    assert_eq!(limited(vec![two, others]).verdict, CheckVerdict::Pass);
}

#[test]
fn a_limit_is_of_its_event_and_as_planned_where_the_event_has_no_row() {
    let history = vec![hold(user(1), &[1, 2, 3, 4, 5], 0..10)];
    let mut case = Case { history, ..Case::new() };
    case.plan.inventory.tickets_per_user = Some(4);
    assert_eq!(check(&case).verdict, CheckVerdict::Pass, "this event has none");
    case.audit.events.clear();
    assert_eq!(check(&case).verdict, CheckVerdict::Fail);
}

#[test]
fn tickets_that_may_be_gone_do_not_count() {
    let two = hold(user(1), &[1, 2], 0..10);
    let later = keyed("other", hold(user(1), &[3, 4, 5], TTL_US..TTL_US + 10));
    assert_eq!(limited(vec![two, later]).verdict, CheckVerdict::Pass, "the hold was over");
    let sold = book(user(1), &[1, 2], booking(1), 0..10);
    let back = cancel_booking(&sold, 50..90);
    let again = keyed("other", book(user(1), &[3, 4, 5], booking(2), 60..70));
    let history = vec![sold.clone(), back.clone(), again.clone()];
    assert_eq!(limited(history).verdict, CheckVerdict::Pass, "it may have been cancelled");
    let refused = ended(back, Outcome::Fail);
    assert_eq!(limited(vec![sold, refused, again]).verdict, CheckVerdict::Fail);
}

#[test]
fn what_is_granted_after_the_event_was_cancelled_fails() {
    let mut case = Case::honest_sale();
    case.audit.events[0].status = EventStatus::Cancelled;
    case.history.push(cancel_event(900_000..900_010));
    assert_eq!(check(&case).verdict, CheckVerdict::Pass);
    let crossing = hold(user(70), &[700], 900_005..900_100);
    case.history.push(crossing);
    assert_eq!(check(&case).verdict, CheckVerdict::Pass, "they were under way together");
    let late = hold(user(71), &[701], 900_011..900_100);
    case.history.push(ended(late.clone(), Outcome::Fail));
    case.history.push(Operation { replayed: true, ..late.clone() });
    assert_eq!(check(&case).verdict, CheckVerdict::Pass);
    case.history.push(late);
    let result = check(&case);
    assert_eq!((result.verdict, result.violations), (CheckVerdict::Fail, 1));
    assert!(result.detail.contains("granted a hold of seats [701]"), "{}", result.detail);
}

#[test]
fn of_two_changes_from_one_version_one_comes_through() {
    let edit = |version: &str| Operation {
        op: OpKind::EditEvent,
        version: Some(version.to_owned()),
        ..cancel_event(900_000..900_010)
    };
    let with = |changes: Vec<Operation>| {
        let mut case = Case::honest_sale();
        case.history.extend(changes);
        check(&case)
    };
    let refused = ended(edit("1"), Outcome::Fail);
    assert_eq!(with(vec![edit("1"), edit("2"), refused]).verdict, CheckVerdict::Pass);
    let overwritten = with(vec![edit("1"), edit("1")]);
    assert_eq!((overwritten.verdict, overwritten.violations), (CheckVerdict::Fail, 1));
    assert!(overwritten.violation_kinds.contains_key("lost_update"), "{overwritten:?}");
    let other = Operation { detail: "asked for A and was given B".to_owned(), ..edit("1") };
    assert!(with(vec![other]).violation_kinds.contains_key("not_asked_for"));
}

#[test]
fn a_cancelled_event_that_is_still_on_sale_fails() {
    let mut case = Case::honest_sale();
    case.history.push(cancel_event(900_000..900_010));
    assert!(check(&case).detail.contains("is published in the database"));
}

#[test]
fn a_hold_that_lives_on_without_its_event_fails_unless_it_was_over_by_itself() {
    let mut case = Case::honest_sale();
    let row = &mut case.audit.reservations[0];
    let cancelled_at = row.created_at;
    (row.state, row.expires_at) = (ReservationState::Expired, cancelled_at + CANCEL_MAX * 2);
    row.ended_at = Some(row.expires_at);
    case.audit.events[0].cancelled_at = Some(cancelled_at);
    let held_on = |case: &Case| check(case).violation_kinds.get("held_after_cancel").copied();
    assert_eq!(held_on(&case), Some(1));
    case.audit.reservations[0].expires_at = cancelled_at + CANCEL_MAX;
    assert_eq!(held_on(&case), None, "it ended in time, and was swept later");
}

#[test]
fn what_was_made_in_the_database_after_the_cancel_fails_whoever_was_told() {
    let mut case = Case::honest_sale();
    let made = case.audit.reservations[0].ended_at.unwrap();
    case.audit.events[0].status = EventStatus::Cancelled;
    case.audit.events[0].cancelled_at = Some(made - Duration::from_secs(5));
    assert_eq!(check(&case).verdict, CheckVerdict::Pass, "the cancel may have taken so long");
    let late = |change: fn(&mut Audit)| {
        let mut late = Case { history: case.history.clone(), ..Case::honest_sale() };
        late.audit.events.clone_from(&case.audit.events);
        change(&mut late.audit);
        let result = check(&late);
        assert_eq!(result.violation_kinds.get("made_after_cancel"), Some(&1), "{result:?}");
    };
    let second = Duration::from_secs(1);
    late(|audit| *audit.reservations[0].ended_at.as_mut().unwrap() += Duration::from_secs(1));
    late(|audit| audit.bookings[0].created_at += Duration::from_secs(1));
    // It ended when a client was told, at the latest: 0.19 s and 5 ms after the last hold was asked for.
    case.history.push(cancel_event(192_000..195_000));
    assert_eq!(check(&case).verdict, CheckVerdict::Pass);
    case.audit.reservations[0].ended_at = Some(made + Duration::from_millis(3));
    let result = check(&case);
    assert_eq!(result.violation_kinds.get("made_after_cancel"), Some(&1), "{result:?}");
    case.audit.events[0].cancelled_at = Some(made + second);
    assert_eq!(check(&case).violations, 1, "whatever its row says");
}

#[test]
fn what_only_the_audit_found_fails() {
    for kind in [FindingKind::TicketLimit, FindingKind::SoldAfterCancel] {
        let mut case = Case::honest_sale();
        case.audit.findings = vec![Finding { kind, detail: "too many".to_owned() }];
        assert_eq!(check(&case).verdict, CheckVerdict::Fail);
    }
}

#[test]
fn more_holds_at_one_moment_than_one_user_may_have_fail_whoever_was_told() {
    let most = Holds::USUAL.holds as usize;
    let mut case = Case::honest_sale();
    let first = case.audit.reservations[0].clone();
    let (from, until) = (first.claimed_at.unwrap(), first.expires_at);
    for row in case.audit.reservations.iter_mut().take(most + 1) {
        (row.user_id, row.claimed_at) = (first.user_id, Some(from));
        (row.expires_at, row.ended_at) = (until, Some(until));
    }
    let too_many = |case: &Case| check(case).violation_kinds.get("hold_limit").copied();
    assert_eq!(too_many(&case), Some(1));
    case.audit.reservations[most].claimed_at = Some(until);
    assert_eq!(too_many(&case), None, "the others were over");
    case.audit.reservations[most].claimed_at = Some(from);
    case.plan.target.env.insert("HOLDS_PER_USER".to_owned(), "9".to_owned());
    assert_eq!(too_many(&case), None, "it was decided otherwise");
    case.plan.target.env.clear();
    case.audit.reservations.truncate(most);
    case.audit.reservations[0].seat_ids = (0..50).collect();
    assert_eq!(too_many(&case), Some(1), "too many seats");
}
