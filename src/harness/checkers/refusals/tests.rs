//! Refusals without a cause, and refusals that may have had one.

use super::Refusals;
use crate::harness::checkers::fixtures::Case;
use crate::harness::checkers::judge;
use crate::harness::recorder::fixtures::{
    TTL_US, book, booking, cancel, cancel_booking, cancel_event, confirm, ended, hold, user,
};
use crate::harness::recorder::{OpKind, Operation, Outcome};
use crate::harness::summary::{CheckResult, CheckVerdict};

fn check(history: Vec<Operation>) -> CheckResult {
    let mut case = Case { history, ..Case::new() };
    case.audit.events[0].tickets_per_user_max = Some(4);
    case.audit.seats.truncate(10);
    judge(&Refusals, case.collected())
}

fn fails(history: Vec<Operation>) {
    let result = check(history);
    assert_eq!((result.verdict, result.violations), (CheckVerdict::Fail, 1), "{result:?}");
}

fn passes(history: Vec<Operation>) {
    let result = check(history);
    assert_eq!(result.verdict, CheckVerdict::Pass, "{result:?}");
}

fn refused(reason: &str, seats: &[i64], us: std::ops::Range<u64>) -> Operation {
    let refused = ended(hold(user(1), seats, us), Outcome::Fail);
    let key = Some("refused".to_owned());
    Operation { reason: Some(reason.to_owned()), key, ..refused }
}

/// So many tickets, whichever.
fn any(quantity: u32, operation: Operation) -> Operation {
    let seats = if operation.end() == Outcome::Ok { operation.seats } else { Vec::new() };
    Operation { quantity: Some(quantity), seats, ..operation }
}

#[test]
fn a_seat_that_nobody_can_have_had_was_not_taken() {
    let taken = |us| refused("seat_unavailable", &[7, 8], us);
    let held = hold(user(2), &[8, 9], 0..10);
    let (soon, late) = (20..30, TTL_US + 300_000..TTL_US + 300_010);
    fails(vec![taken(soon.clone())]);
    fails(vec![hold(user(2), &[9], 0..10), taken(soon.clone())]);
    passes(vec![held.clone(), taken(soon.clone())]);
    passes(vec![ended(held.clone(), Outcome::Info), taken(late.clone())]);
    fails(vec![ended(held.clone(), Outcome::Fail), taken(soon.clone())]);
    fails(vec![held.clone(), taken(late.clone())]);
    passes(vec![held.clone(), confirm(&held, booking(1), 20..30), taken(late)]);
    fails(vec![held.clone(), cancel(&held, 12..19), taken(soon.clone())]);
    passes(vec![held.clone(), cancel(&held, 12..20), taken(soon)]);
}

#[test]
fn an_answer_that_is_repeated_is_judged_from_the_first_request_on() {
    let held = hold(user(2), &[7], 0..10);
    let first = ended(refused("", &[7], 20..30), Outcome::Info);
    let again = refused("seat_unavailable", &[7], 900..910);
    passes(vec![held.clone(), cancel(&held, 40..50), first, again.clone()]);
    fails(vec![held.clone(), cancel(&held, 40..50), again]);
}

#[test]
fn tickets_are_not_sold_out_while_enough_are_left_throughout() {
    let sold_out = |quantity| any(quantity, refused("sold_out", &[], 20..30));
    let held = any(3, hold(user(2), &[1, 2, 3], 0..10));
    fails(vec![sold_out(10)]);
    passes(vec![sold_out(11)]);
    fails(vec![held.clone(), sold_out(7)]);
    passes(vec![held.clone(), sold_out(8)]);
    passes(vec![ended(held.clone(), Outcome::Info), sold_out(8)]);
    fails(vec![held.clone(), cancel(&held, 12..19), sold_out(8)]);
}

#[test]
fn where_only_the_number_is_known_it_may_be_any_seat() {
    let unknown = any(1, ended(hold(user(2), &[], 0..10), Outcome::Info));
    passes(vec![unknown, refused("seat_unavailable", &[7], 20..30)]);
}

#[test]
fn a_limit_that_was_certainly_not_reached_refuses_nobody() {
    let own = hold(user(1), &[1, 2], 0..10);
    let over = |reason| refused(reason, &[3, 4], 20..30);
    let three = |reason| refused(reason, &[3, 4, 5], 20..30);
    fails(vec![own.clone(), over("ticket_limit")]);
    passes(vec![own.clone(), three("ticket_limit")]);
    fails(vec![hold(user(2), &[1, 2], 0..10), three("ticket_limit")]);
    fails(vec![own.clone(), three("hold_limit")]);
    let holds = |count: u64| {
        let hold = |number: u64| Operation {
            key: Some(format!("hold {number}")),
            ..hold(user(1), &[i64::try_from(number).unwrap()], number..10 + number)
        };
        (0..count).map(hold).chain([over("hold_limit")]).collect()
    };
    fails(holds(4));
    passes(holds(5));
}

#[test]
fn an_event_that_nobody_cancelled_is_there_and_on_sale_with_its_seats() {
    for reason in ["not_on_sale", "sales_ended"] {
        fails(vec![refused(reason, &[7], 20..30)]);
        passes(vec![refused(reason, &[7], 20..30), cancel_event(25..40)]);
        fails(vec![refused(reason, &[7], 20..30), cancel_event(30..40)]);
    }
    fails(vec![refused("not_found", &[7], 20..30)]);
    let deleted = |us| Operation { op: OpKind::DeleteEvent, ..cancel_event(us) };
    passes(vec![refused("not_found", &[7], 20..30), deleted(25..40)]);
    fails(vec![refused("not_found", &[7], 20..30), deleted(30..40)]);
    fails(vec![refused("seat_ids", &[7], 20..30)]);
    passes(vec![refused("seat_ids", &[7, 11], 20..30)]);
    passes(vec![refused("seat_contended", &[7], 20..30)]);
}

#[test]
fn a_booking_can_be_given_back_while_nothing_has_happened_to_it() {
    let sale = book(user(1), &[7], booking(1), 0..10);
    let refused = |reason: &str, user| Operation {
        user,
        reason: Some(reason.to_owned()),
        ..ended(cancel_booking(&sale, 20..30), Outcome::Fail)
    };
    let shown = |us| Operation { op: OpKind::CheckIn, ..cancel_booking(&sale, us) };
    for reason in ["ticket_used", "booking_ended", "not_owner"] {
        fails(vec![sale.clone(), refused(reason, user(1))]);
    }
    passes(vec![sale.clone(), refused("not_owner", user(2))]);
    passes(vec![sale.clone(), refused("rate_limit", user(1))]);
    passes(vec![sale.clone(), shown(12..40), refused("ticket_used", user(1))]);
    fails(vec![sale.clone(), shown(31..40), refused("ticket_used", user(1))]);
    fails(vec![sale.clone(), ended(shown(12..19), Outcome::Fail), refused("ticket_used", user(1))]);
    passes(vec![sale.clone(), cancel_booking(&sale, 12..40), refused("booking_ended", user(1))]);
    passes(vec![sale.clone(), cancel_event(12..40), refused("booking_ended", user(1))]);
}

#[test]
fn a_sale_in_one_step_has_its_seats_until_it_is_paid() {
    let lost = |us: std::ops::Range<u64>| Operation {
        reason: Some("refunded".to_owned()),
        ..ended(book(user(1), &[7], booking(1), us), Outcome::Fail)
    };
    let minutes = |minutes: u64| minutes * 60 * 1_000_000;
    fails(vec![lost(0..minutes(4))]);
    passes(vec![lost(0..minutes(5))]);
    passes(vec![lost(0..30), cancel_event(20..25)]);
}
