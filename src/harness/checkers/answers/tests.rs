//! Answers that say what is, and answers that don't.

use std::ops::Range;
use std::time::Duration;

use uuid::Uuid;

use super::Answers;
use crate::domain::BookingState;
use crate::harness::checkers::fixtures::Case;
use crate::harness::checkers::judge;
use crate::harness::recorder::fixtures::{
    TTL_US, cancel, cancel_booking, cancel_event, ended, ends_at, event, hold, user,
};
use crate::harness::recorder::{OpKind, Operation, Outcome, SeatState, Told};
use crate::harness::summary::{CheckResult, CheckVerdict};
use crate::storage::audit::ReservationRow;
use crate::wire::{Availability, SeatStatus};

fn check(case: &Case) -> CheckResult {
    judge(&Answers, case.collected())
}

/// The first answer of this kind says something else.
fn fails(op: OpKind, change: impl FnOnce(&mut Told), kind: &str) {
    let mut case = Case::honest_sale();
    let op = case.history.iter_mut().find(|each| each.op == op).unwrap();
    change(&mut op.told[0]);
    caught(&case, kind);
}

fn caught(case: &Case, kind: &str) {
    let result = check(case);
    assert_eq!((result.verdict, result.violations), (CheckVerdict::Fail, 1), "{kind}: {result:?}");
    assert!(result.violation_kinds.contains_key(kind), "{kind}: {result:?}");
}

#[test]
fn every_answer_is_judged() {
    assert_eq!(
        check(&Case::honest_sale()).detail,
        "20 answers about holds and 20 about bookings, each as stored; 0 lists; 0 counts of what is left; 0 seats of seat maps"
    );
}

#[test]
fn an_answer_that_says_other_than_what_is_stored_fails() {
    for op in [OpKind::Hold, OpKind::Confirm] {
        fails(op, |told| told.total_cents -= 1, "other_total");
        fails(op, |told| told.state = "expired".to_owned(), "other_state");
        fails(op, |told| told.user = user(99), "other_buyer");
        fails(op, |told| told.event = Uuid::nil(), "other_event");
    }
    fails(
        OpKind::Hold,
        |told| *told.expires_at.as_mut().unwrap() += time::Duration::SECOND,
        "other_end",
    );
    fails(OpKind::Confirm, |told| told.tickets.swap(0, 1), "other_tickets");
    fails(OpKind::Confirm, |told| told.reservation = Uuid::nil(), "other_reservation");
    let mut case = Case::honest_sale();
    case.history[0].told[0].seats = vec![1];
    caught(&case, "other_seats");
}

#[test]
fn a_granted_hold_has_its_row() {
    let mut case = Case::honest_sale();
    case.audit.reservations.remove(3);
    caught(&case, "hold_not_stored");
}

#[test]
fn what_is_stored_right_and_told_to_the_wrong_one_fails() {
    let mut case = Case::honest_sale();
    case.history[1].user = user(99);
    caught(&case, "not_asked_for");
    let mut case = Case::honest_sale();
    case.history[0].detail = "asked for seats [1, 2, 3] and was given [1, 2]".to_owned();
    caught(&case, "not_asked_for");
}

fn passes(case: &Case) {
    let result = check(case);
    assert_eq!(result.verdict, CheckVerdict::Pass, "{result:?}");
}

/// The first buyer's hold and sale, read in this way at this time.
fn read(op: OpKind, state: &str, us: Range<u64>) -> Operation {
    let case = Case::honest_sale();
    let of_sale = matches!(op, OpKind::ReadBooking | OpKind::ListBookings | OpKind::CancelBooking);
    let source = &case.history[usize::from(of_sale)];
    let told = Told { state: state.to_owned(), ..source.told[0].clone() };
    let (reservation, booking) = (source.reservation, source.booking);
    Operation {
        op,
        reservation,
        booking: booking.filter(|_| of_sale),
        list_of: Some(user(0)),
        told: vec![told],
        ..cancel(source, us)
    }
}

fn with(operations: &[Operation]) -> Case {
    let mut case = Case::honest_sale();
    case.history.extend_from_slice(operations);
    case
}

const LATE: Range<u64> = 900_000..900_010;

#[test]
fn what_is_read_later_is_what_is_stored_too() {
    for (op, state) in [(OpKind::ReadReservation, "confirmed"), (OpKind::ReadBooking, "confirmed")]
    {
        let honest = read(op, state, LATE);
        passes(&with(std::slice::from_ref(&honest)));
        let changed = |change: fn(&mut Told), kind| {
            let mut read = honest.clone();
            change(&mut read.told[0]);
            caught(&with(&[read]), kind);
        };
        changed(|told| told.total_cents += 1, "other_total");
        changed(|told| told.seats = vec![1], "other_seats");
        changed(|told| told.user = user(7), "other_buyer");
        changed(|told| told.state = "sold".to_owned(), "other_state");
    }
    let mut other = read(OpKind::ReadBooking, "confirmed", LATE);
    other.booking = Some(Uuid::nil());
    caught(&with(&[other]), "not_asked_for");
    let mut nothing = read(OpKind::ReadBooking, "confirmed", LATE);
    (nothing.booking, nothing.told[0].booking) = (None, Some(Uuid::nil()));
    caught(&with(&[nothing]), "not_stored");
}

#[test]
fn a_hold_ends_when_it_was_said_to_until_it_is_extended() {
    let mut case = Case::honest_sale();
    let longer = ends_at() + Duration::from_micros(TTL_US);
    let row: &mut ReservationRow = &mut case.audit.reservations[0];
    (row.expires_at, row.extended_at) = (longer, Some(row.created_at));
    passes(&case);
    let told_of = |op, at| {
        let mut read = read(op, "held", 4_500..4_600);
        read.told[0].expires_at = Some(at);
        let mut case = Case { history: case.history.clone(), ..with(&[]) };
        case.audit.reservations[0].expires_at = longer;
        case.audit.reservations[0].extended_at = Some(ends_at());
        case.history.push(read);
        case
    };
    for op in [OpKind::ReadReservation, OpKind::Extend] {
        passes(&told_of(op, longer));
    }
    passes(&told_of(OpKind::ReadReservation, ends_at()));
    caught(&told_of(OpKind::Extend, ends_at()), "other_end");
    caught(&told_of(OpKind::ReadReservation, longer + Duration::from_secs(1)), "other_end");
}

#[test]
fn a_state_never_goes_back() {
    let sold = Case::honest_sale().history[1].clone();
    caught(&with(&[read(OpKind::ReadReservation, "held", LATE)]), "stale_state");
    caught(&with(&[read(OpKind::ListReservations, "expired", LATE)]), "stale_state");
    passes(&with(&[read(OpKind::ReadReservation, "held", 8_000..LATE.end)]));
    let back = cancel_booking(&sold, 500_000..500_010);
    let cancelled = |operations: &[Operation]| {
        let mut case = with(operations);
        case.audit.bookings[0].state = BookingState::Cancelled;
        case
    };
    for op in [OpKind::ReadBooking, OpKind::ListBookings] {
        passes(&cancelled(&[back.clone(), read(op, "cancelled", LATE)]));
        caught(&cancelled(&[back.clone(), read(op, "confirmed", LATE)]), "stale_state");
        let unknown = ended(back.clone(), Outcome::Info);
        passes(&cancelled(&[unknown, read(op, "confirmed", LATE)]));
        caught(&cancelled(&[read(op, "cancelled", LATE)]), "other_state");
        passes(&cancelled(&[read(op, "cancelled", LATE), cancel_event(5..10)]));
        caught(&with(&[read(op, "confirmed", 100..200)]), "other_state");
    }
}

#[test]
fn a_hold_is_not_told_as_live_once_it_is_over_or_given_up() {
    let mut case = Case::honest_sale();
    case.history.remove(1);
    let late = |us| {
        let mut case = Case { history: case.history.clone(), ..with(&[]) };
        case.history.push(read(OpKind::ReadReservation, "held", us));
        case
    };
    passes(&late(LATE));
    caught(&late(TTL_US + 300_000..TTL_US + 300_001), "stale_state");
    let mut given_up = late(LATE);
    given_up.history.push(cancel(&case.history[0], 500_000..500_010));
    caught(&given_up, "stale_state");
}

#[test]
fn a_list_has_all_that_was_granted_before_and_each_once() {
    let list = |us| read(OpKind::ListBookings, "confirmed", us);
    passes(&with(&[list(LATE)]));
    let empty = |us| Operation { told: Vec::new(), ..list(us) };
    caught(&with(&[empty(LATE)]), "not_listed");
    passes(&with(&[empty(8_000..LATE.end)]));
    let mut twice = list(LATE);
    twice.told.push(twice.told[0].clone());
    caught(&with(&[twice]), "listed_twice");
}

/// An answer about what is left: held, sold, and the rest of 40 seats.
fn left(held: i64, sold: i64, us: Range<u64>) -> Operation {
    let available = 40 - held - sold;
    let counts = Availability { event_id: event(), total: 40, available, held, sold };
    let asked = cancel(&hold(user(77), &[], us.clone()), us);
    Operation { op: OpKind::ReadAvailability, availability: Some(counts), ..asked }
}

/// Twenty buyers bought all of forty seats within 0.2 s.
fn sold_out(operations: &[Operation]) -> Case {
    let mut case = with(operations);
    case.audit.seats.truncate(40);
    case
}

#[test]
fn a_count_is_of_what_may_have_been_taken_within_the_last_seconds() {
    let at = |seconds: u64| seconds * 1_000_000..seconds * 1_000_000 + 10;
    passes(&sold_out(&[left(0, 40, at(9))]));
    passes(&sold_out(&[left(0, 0, 0..10), left(2, 6, at(5))]));
    caught(&sold_out(&[left(2, 6, at(5))]), "stale_count");
    caught(&sold_out(&[left(0, 0, 0..10), left(0, 0, at(7))]), "stale_count");
    caught(&sold_out(&[left(2, 36, at(9))]), "stale_count");
    passes(&sold_out(&[left(2, 36, at(9)), ended(cancel_event(at(8)), Outcome::Info)]));
    let mut early = sold_out(&[left(0, 3, 10..20)]);
    caught(&early, "stale_count");
    early.history.last_mut().unwrap().availability.as_mut().unwrap().available += 1;
    caught(&early, "wrong_count");
    let mut other = left(0, 40, at(9));
    other.availability.as_mut().unwrap().total = 41;
    caught(&sold_out(&[other]), "wrong_count");
}

#[test]
fn a_seat_map_is_fresh() {
    let shows = |seat, status, us| {
        let state = SeatState { seat, status, price_cents: 5_000 };
        let seat_states = vec![state];
        Operation { op: OpKind::ReadSeats, seat_states, availability: None, ..left(0, 0, us) }
    };
    passes(&with(&[shows(1, SeatStatus::Sold, LATE), shows(41, SeatStatus::Available, LATE)]));
    caught(&with(&[shows(1, SeatStatus::Available, LATE)]), "stale_seat");
    caught(&with(&[shows(41, SeatStatus::Held, LATE)]), "stale_seat");
    caught(&with(&[shows(41, SeatStatus::Sold, LATE)]), "stale_seat");
    passes(&with(&[shows(1, SeatStatus::Available, 2_000..LATE.end)]));
    let unknown = ended(hold(user(78), &[41], 0..10), Outcome::Info);
    passes(&with(&[shows(41, SeatStatus::Held, LATE), unknown]));
    let mut dear = shows(1, SeatStatus::Sold, LATE);
    dear.seat_states[0].price_cents += 1;
    caught(&with(&[dear]), "other_seat");
}

#[test]
fn a_page_of_a_seat_map_leaves_nothing_out() {
    let page = |after: i64, seats: std::ops::RangeInclusive<i64>, next: Option<&str>| {
        let state = |seat| SeatState { seat, status: SeatStatus::Sold, price_cents: 5_000 };
        let asked = left(0, 0, LATE);
        sold_out(&[Operation {
            op: OpKind::ReadSeats,
            availability: None,
            page_after: Some(after),
            seat_states: seats.map(state).collect(),
            next_cursor: next.map(str::to_owned),
            ..asked
        }])
    };
    passes(&page(0, 1..=20, Some("20")));
    passes(&page(20, 21..=40, None));
    passes(&page(20, 21..=40, Some("40")));
    caught(&page(20, 22..=40, None), "other_page");
    caught(&page(0, 1..=20, None), "other_page");
}
