//! Requests of owners, of others, of admins, and at the doors.

use std::time::Duration;

use super::Access;
use crate::domain::BookingState;
use crate::harness::checkers::fixtures::{Case, began_at};
use crate::harness::checkers::judge;
use crate::harness::recorder::fixtures::{
    cancel, cancel_booking, cancel_event, ended, reservation, user,
};
use crate::harness::recorder::{OpKind, Operation, Outcome, Role};
use crate::harness::summary::{CheckResult, CheckVerdict};
use crate::storage::audit::UsedTicket;

fn check(case: &Case) -> CheckResult {
    judge(&Access, case.collected())
}

/// An honest sale, and these requests.
fn with(operations: Vec<Operation>) -> Case {
    let mut case = Case::honest_sale();
    case.history.extend(operations);
    case
}

fn fails(case: &Case, kind: &str) {
    let result = check(case);
    assert_eq!((result.verdict, result.violations), (CheckVerdict::Fail, 1), "{kind}: {result:?}");
    assert!(result.violation_kinds.contains_key(kind), "{kind}: {result:?}");
}

fn passes(case: &Case) {
    let result = check(case);
    assert_eq!(result.verdict, CheckVerdict::Pass, "{result:?}");
}

fn refused(operation: Operation, reason: &str) -> Operation {
    Operation { reason: Some(reason.to_owned()), ..ended(operation, Outcome::Fail) }
}

/// The first buyer's sale.
fn sale() -> Operation {
    Case::honest_sale().history[1].clone()
}

/// A request of this kind about the first buyer's sale, by this user.
fn about(op: OpKind, by: u64, role: Role) -> Operation {
    let sale = sale();
    Operation {
        op,
        user: user(by),
        role,
        reservation: sale.reservation,
        ticket: Some("1".to_owned()),
        list_of: Some(user(0)),
        seats: vec![1],
        ..cancel_booking(&sale, 900_000..900_010)
    }
}

const READS: [OpKind; 5] = [
    OpKind::ReadReservation,
    OpKind::ReadBooking,
    OpKind::ReadTicket,
    OpKind::ListReservations,
    OpKind::ListBookings,
];
const CHANGES: [OpKind; 3] = [OpKind::Confirm, OpKind::Extend, OpKind::Cancel];

#[test]
fn whoever_was_allowed_what_is_anothers_fails() {
    for op in READS.into_iter().chain(CHANGES).chain([OpKind::CancelBooking]) {
        fails(&with(vec![about(op, 7, Role::Customer)]), "not_allowed");
        passes(&with(vec![refused(about(op, 7, Role::Customer), "not_owner")]));
        passes(&with(vec![about(op, 0, Role::Customer)]));
        passes(&with(vec![ended(about(op, 7, Role::Customer), Outcome::Info)]));
    }
}

#[test]
fn admins_read_and_refund_and_no_more() {
    for op in READS.into_iter().chain([OpKind::CancelBooking]) {
        passes(&with(vec![about(op, 7, Role::Admin)]));
    }
    for op in CHANGES {
        fails(&with(vec![about(op, 7, Role::Admin)]), "not_allowed");
    }
}

#[test]
fn an_answer_that_tells_of_anothers_fails_whosever_it_says_it_is() {
    for told_as in [0, 7] {
        let mut told = sale().told;
        told[0].user = user(told_as);
        let list = Operation {
            list_of: Some(user(7)),
            told: told.clone(),
            ..about(OpKind::ListBookings, 7, Role::Customer)
        };
        fails(&with(vec![list.clone()]), "told_of_anothers");
        passes(&with(vec![Operation { role: Role::Admin, ..list }]));
        let key = Operation { told, ..about(OpKind::ReadKey, 7, Role::Customer) };
        fails(&with(vec![key]), "told_of_anothers");
    }
}

#[test]
fn whoever_was_refused_their_own_fails() {
    for op in READS.into_iter().chain(CHANGES).chain([OpKind::CancelBooking]) {
        for reason in ["not_owner", "not_found", "role"] {
            fails(&with(vec![refused(about(op, 0, Role::Customer), reason)]), "refused_own");
        }
        passes(&with(vec![refused(about(op, 0, Role::Customer), "booking_ended")]));
    }
    let nobodys = Operation {
        reservation: Some(reservation(999)),
        ..about(OpKind::ReadReservation, 0, Role::Customer)
    };
    passes(&with(vec![refused(nobodys, "not_found")]));
}

#[test]
fn customers_cancel_no_events() {
    let cancelled = cancel_event(900_000..900_010);
    passes(&with(vec![cancelled.clone()]));
    for role in [Role::Customer, Role::Organizer] {
        fails(&with(vec![Operation { role, ..cancelled.clone() }]), "not_allowed");
    }
}

#[test]
fn a_booking_that_was_given_back_let_nobody_in() {
    let mut case = let_in();
    case.audit.bookings[0].state = BookingState::Cancelled;
    fails(&case, "cancelled_and_used");
    passes(&then(case, cancel_event(900_000..900_010)));
}

/// The first ticket of the first sale is let in, and the database knows.
fn let_in() -> Case {
    let at = began_at() + Duration::from_secs(9);
    let op = Operation { checked_in_at: Some(at), ..about(OpKind::CheckIn, 99, Role::Admin) };
    let mut case = with(vec![op]);
    case.audit.bookings[0].used = vec![UsedTicket { number: "1".to_owned(), at }];
    case
}

fn then(mut case: Case, operation: Operation) -> Case {
    case.history.push(operation);
    case
}

#[test]
fn a_ticket_lets_in_once_and_by_an_admin() {
    let case = let_in();
    passes(&case);
    let again = case.history.last().unwrap().clone();
    let by_customer = Operation { user: user(7), role: Role::Customer, ..again.clone() };
    let later = Operation { invoked_us: 910_000, completed_us: 910_010, ..again };
    let twice = check(&then(let_in(), later.clone()));
    assert_eq!(twice.violation_kinds["let_in_twice"], 2, "{twice:?}");
    passes(&then(let_in(), refused(later.clone(), "ticket_used")));
    passes(&then(let_in(), ended(later, Outcome::Info)));
    let mut case = let_in();
    *case.history.last_mut().unwrap() = by_customer;
    fails(&case, "not_allowed");
}

#[test]
fn what_was_answered_at_the_door_is_stored() {
    let mut case = let_in();
    case.audit.bookings[0].used[0].at += Duration::from_secs(1);
    fails(&case, "check_in_not_stored");
    case.audit.bookings[0].used.clear();
    fails(&case, "check_in_not_stored");
    let mut case = let_in();
    let op = case.history.pop().unwrap();
    fails(&case, "let_in_unasked");
    passes(&then(let_in(), refused(op.clone(), "ticket_used")));
    fails(&then(case, Operation { seats: vec![2], ..op.clone() }), "other_seat");
    fails(
        &with(vec![Operation { ticket: Some("no such".to_owned()), ..op }]),
        "let_in_without_ticket",
    );
}

#[test]
fn a_cancelled_ticket_lets_nobody_in_and_a_used_one_is_not_refunded() {
    let cancelled = |us| cancel_booking(&sale(), us);
    let mut case = let_in();
    case.audit.bookings[0].state = BookingState::Cancelled;
    let before = |operation| {
        let mut case = let_in();
        case.history.insert(40, operation);
        case
    };
    fails(&before(cancelled(800_000..800_010)), "let_in_cancelled");
    fails(&before(cancel_event(800_000..800_010)), "let_in_cancelled");
    passes(&before(ended(cancelled(800_000..800_010), Outcome::Info)));
    fails(&then(let_in(), cancelled(910_000..910_010)), "cancelled_after_use");
    passes(&then(let_in(), refused(cancelled(910_000..910_010), "ticket_used")));
    passes(&then(let_in(), cancelled(900_005..900_015)));
    let refunded = then(let_in(), cancel_event(905_000..905_010));
    passes(&then(refunded, cancelled(910_000..910_010)));
}

#[test]
fn nobody_is_sent_away_with_a_good_ticket() {
    let sent_away = |reason| with(vec![refused(about(OpKind::CheckIn, 99, Role::Admin), reason)]);
    fails(&sent_away("ticket_used"), "refused_at_the_door");
    fails(&sent_away("ticket_cancelled"), "refused_at_the_door");
    passes(&sent_away("not_owner"));
    let maybe_used = ended(about(OpKind::CheckIn, 98, Role::Admin), Outcome::Info);
    passes(&then(sent_away("ticket_used"), maybe_used));
    let back = ended(cancel_booking(&sale(), 899_000..950_000), Outcome::Info);
    passes(&then(sent_away("ticket_cancelled"), back));
    let hold = cancel(&Case::honest_sale().history[0], 899_000..950_000);
    fails(&then(sent_away("ticket_cancelled"), ended(hold, Outcome::Fail)), "refused_at_the_door");
}
