//! Rows that overlap in time, and rows that only look as if they did.

use std::time::Duration;

use time::OffsetDateTime;

use super::NoDoubleSellOverTime;
use crate::domain::{BookingState, ReservationState};
use crate::harness::checkers::fixtures::{Case, began_at};
use crate::harness::checkers::judge;
use crate::harness::recorder::fixtures::{booking, ends_at, reservation, user};
use crate::harness::summary::{CheckResult, CheckVerdict};
use crate::storage::audit::ReservationRow;

fn check(case: &Case) -> CheckResult {
    judge(&NoDoubleSellOverTime, case.collected())
}

fn fails(case: &Case, kind: &str) {
    let result = check(case);
    assert_eq!((result.verdict, result.violations), (CheckVerdict::Fail, 1), "{result:?}");
    assert!(result.violation_kinds.contains_key(kind), "{kind}: {result:?}");
}

fn passes(case: &Case) {
    let result = check(case);
    assert_eq!(result.verdict, CheckVerdict::Pass, "{result:?}");
}

fn seconds(number: u64) -> OffsetDateTime {
    began_at() + Duration::from_secs(number)
}

/// A hold of seat 1 from this second to that one, of this state, that the seat itself knows nothing of any more.
fn held(number: u64, from: u64, until: u64, state: ReservationState) -> ReservationRow {
    ReservationRow {
        id: reservation(number),
        user_id: user(number),
        seat_ids: vec![1],
        state,
        created_at: seconds(from),
        claimed_at: Some(seconds(from)),
        expires_at: seconds(from + 30),
        ended_at: Some(seconds(until)),
        ..Case::honest_sale().audit.reservations[0].clone()
    }
}

fn case(rows: &[ReservationRow]) -> Case {
    let mut case = Case::new();
    case.audit.reservations = rows.to_vec();
    case.audit.taken_at = seconds(1_000);
    case
}

#[test]
fn two_holds_of_a_seat_at_one_moment_fail_whoever_saw_them() {
    use ReservationState::{Cancelled, Expired};
    fails(&case(&[held(1, 0, 30, Expired), held(2, 29, 60, Expired)]), "double_sell");
    fails(&case(&[held(1, 0, 20, Cancelled), held(2, 19, 60, Expired)]), "double_sell");
    fails(&case(&[held(2, 5, 6, Cancelled), held(1, 0, 30, Expired)]), "double_sell");
    let three = [held(1, 0, 30, Expired), held(2, 1, 2, Cancelled), held(3, 10, 12, Cancelled)];
    fails(&case(&three), "double_sell");
}

#[test]
fn holds_that_follow_each_other_pass_however_late_they_were_swept() {
    use ReservationState::{Cancelled, Expired};
    passes(&case(&[held(1, 0, 90, Expired), held(2, 30, 60, Expired)]));
    passes(&case(&[held(1, 0, 20, Cancelled), held(2, 20, 60, Expired)]));
    // One that waited for the other to end began long before it had the seat.
    let mut waited = held(2, 20, 60, Expired);
    waited.created_at = seconds(1);
    passes(&case(&[held(1, 0, 20, Cancelled), waited]));
}

#[test]
fn a_sale_lasts_until_its_booking_is_cancelled() {
    let mut case = Case::honest_sale();
    case.audit.taken_at = seconds(1_000);
    passes(&case);
    case.audit.reservations.push(held(90, 500, 530, ReservationState::Expired));
    fails(&case, "double_sell");
    let sale = &mut case.audit.bookings[0];
    (sale.state, sale.cancelled_at) = (BookingState::Cancelled, Some(seconds(400)));
    for seat in &mut case.audit.seats[..2] {
        (seat.booking_id, seat.reservation_id) = (None, None);
    }
    passes(&case);
    case.audit.bookings[0].cancelled_at = Some(seconds(501));
    fails(&case, "double_sell");
}

#[test]
fn a_claim_of_another_events_seat_fails() {
    let mut case = Case::honest_sale();
    case.audit.reservations[0].event_id = reservation(0);
    fails(&case, "other_event");
}

#[test]
fn a_seat_that_was_sold_and_is_not_its_bookings_fails() {
    for booking_id in [None, Some(booking(99))] {
        let mut case = Case::honest_sale();
        case.audit.seats[0].booking_id = booking_id;
        fails(&case, "sold_seat_lost");
    }
}

#[test]
fn a_seat_that_was_sold_had_been_held_as_its_reservation_says() {
    let mut case = Case::honest_sale();
    case.audit.seats[0].held_until = Some(seconds(29));
    fails(&case, "held_otherwise");
    let mut case = Case::honest_sale();
    case.audit.seats[0].reservation_id = Some(reservation(99));
    fails(&case, "held_otherwise");
}

#[test]
fn a_seat_left_behind_by_what_ended_fails() {
    let mut case = Case::honest_sale();
    case.audit.seats[100].booking_id = Some(booking(99));
    fails(&case, "seat_left_behind");
    let mut case = Case::honest_sale();
    case.audit.seats[100].reservation_id = Some(reservation(99));
    fails(&case, "seat_left_behind");
    let mut expired = self::case(&[held(1, 0, 30, ReservationState::Expired)]);
    passes(&expired);
    expired.audit.seats[0].reservation_id = Some(reservation(1));
    fails(&expired, "seat_left_behind");
}

#[test]
fn a_seat_of_a_live_hold_has_it_and_its_end() {
    let mut case = case(&[held(1, 0, 30, ReservationState::Held)]);
    case.audit.taken_at = seconds(29);
    fails(&case, "held_seat_lost");
    case.audit.seats[0].reservation_id = Some(reservation(1));
    fails(&case, "held_seat_lost");
    case.audit.seats[0].held_until = Some(ends_at());
    passes(&case);
    case.audit.seats[0].reservation_id = Some(reservation(2));
    fails(&case, "held_seat_lost");
    // Once it is over and not swept yet, somebody else may have it, or nobody.
    case.audit.taken_at = seconds(30);
    case.audit.seats[0].reservation_id = Some(reservation(1));
    passes(&case);
}
