//! Histories that must be seen through, and histories that must not be slandered.

use proptest::prelude::*;

use super::NoDoubleSellClients;
use crate::harness::checkers::fixtures::Case;
use crate::harness::checkers::judge;
use crate::harness::recorder::fixtures::{
    TTL_US, book, booking, cancel, cancel_booking, confirm, ended, hold, user,
};
use crate::harness::recorder::{Operation, Outcome};
use crate::harness::summary::{CheckResult, CheckVerdict};

fn check(history: Vec<Operation>) -> CheckResult {
    let case = Case { history, ..Case::new() };
    judge(&NoDoubleSellClients, case.collected())
}

fn fails(history: Vec<Operation>) {
    let result = check(history);
    assert_eq!((result.verdict, result.violations), (CheckVerdict::Fail, 1), "{}", result.detail);
}

fn passes(history: Vec<Operation>) {
    let result = check(history);
    assert_eq!(result.verdict, CheckVerdict::Pass, "{}", result.detail);
}

fn failed(operation: Operation) -> Operation {
    ended(operation, Outcome::Fail)
}

fn unknown(operation: Operation) -> Operation {
    ended(operation, Outcome::Info)
}

#[test]
fn two_bookings_of_one_seat_fail_and_everybody_is_named() {
    let one = hold(user(1), &[7], 0..10);
    let two = hold(user(2), &[7, 8], TTL_US + 20..TTL_US + 30);
    let history = vec![
        one.clone(),
        confirm(&one, booking(1), 20..30),
        two.clone(),
        confirm(&two, booking(2), TTL_US + 40..TTL_US + 1_500_000),
    ];
    let result = check(history.clone());
    for name in [
        "seat 7",
        &booking(1).to_string(),
        &booking(2).to_string(),
        &user(1).to_string(),
        "31.500 s",
    ] {
        assert!(result.detail.contains(name), "{name} in {}", result.detail);
    }
    assert_eq!(result.double_sells(), 1);
    let violation = &result.examples[0];
    assert_eq!((violation.seats.as_slice(), violation.users.len()), (&[7][..], 2));
    fails(history);
}

#[test]
fn two_holds_of_one_seat_at_one_time_fail() {
    fails(vec![hold(user(1), &[7], 0..10), hold(user(2), &[7], 5..20)]);
    fails(vec![hold(user(1), &[6, 7], 0..10), hold(user(2), &[7, 8], TTL_US - 10..TTL_US - 1)]);
}

#[test]
fn a_hold_after_the_end_of_another_is_none_of_its_business() {
    passes(vec![hold(user(1), &[7], 0..10), hold(user(2), &[7], TTL_US - 10..TTL_US)]);
    passes(vec![hold(user(1), &[7], 0..10), hold(user(2), &[8], 0..10)]);
}

#[test]
fn the_end_of_a_hold_counts_from_the_first_request_of_its_key_answered_or_not() {
    let lost = unknown(hold(user(1), &[7], 0..5_000_000));
    let again = hold(user(1), &[7], 6_000_000..6_000_010);
    passes(vec![lost, again.clone(), hold(user(2), &[7], TTL_US..TTL_US + 1)]);
    fails(vec![again, hold(user(2), &[7], TTL_US..TTL_US + 1)]);
}

#[test]
fn a_cancel_frees_the_seat_from_its_sending_unless_it_was_refused() {
    let one = hold(user(1), &[7], 0..10);
    let two = hold(user(2), &[7], 25..40);
    passes(vec![one.clone(), cancel(&one, 20..30), two.clone()]);
    passes(vec![one.clone(), unknown(cancel(&one, 20..30)), two.clone()]);
    fails(vec![one.clone(), failed(cancel(&one, 20..30)), two.clone()]);
    fails(vec![one.clone(), two, cancel(&one, 50..60)]);
}

#[test]
fn a_payment_that_did_not_succeed_may_have_freed_the_seat() {
    let one = hold(user(1), &[7], 0..10);
    let two = hold(user(2), &[7], 25..40);
    passes(vec![one.clone(), failed(confirm(&one, booking(1), 20..24)), two.clone()]);
    fails(vec![one.clone(), two, failed(confirm(&one, booking(1), 50..60))]);
}

#[test]
fn a_paid_hold_never_ended() {
    let one = hold(user(1), &[7], 0..10);
    let late = hold(user(2), &[7], 9 * TTL_US..9 * TTL_US + 5);
    fails(vec![one.clone(), confirm(&one, booking(1), 20..30), late.clone()]);
    let settled = Operation {
        settled: Some(Outcome::Ok),
        booking: Some(booking(1)),
        ..unknown(confirm(&one, booking(1), 20..30))
    };
    fails(vec![one.clone(), settled, late.clone()]);
    // One copy of the payment was refused, another one paid.
    fails(vec![
        one.clone(),
        failed(confirm(&one, booking(1), 15..30)),
        confirm(&one, booking(1), 15..40),
        late,
    ]);
}

#[test]
fn a_sale_whose_hold_was_never_answered_counts_from_the_payment() {
    let one = hold(user(1), &[7], 0..10);
    let sale = confirm(&one, booking(1), 20..30);
    fails(vec![unknown(one.clone()), sale.clone(), hold(user(2), &[7], 40..50)]);
    passes(vec![unknown(one), sale, failed(hold(user(2), &[7], 40..50))]);
}

#[test]
fn a_sale_in_one_step_lasts_until_it_is_cancelled() {
    let one = book(user(1), &[7], booking(1), 0..10);
    let late = 9 * TTL_US;
    let two = book(user(2), &[7, 8], booking(2), late..late + 5);
    fails(vec![one.clone(), two.clone()]);
    fails(vec![one.clone(), hold(user(2), &[7], late..late + 5)]);
    let back = cancel_booking(&one, late - 9..late - 2);
    passes(vec![one.clone(), back.clone(), two.clone()]);
    // Its answer was lost, or came after the next sale's: from its sending on, the seat may have been free.
    passes(vec![one.clone(), unknown(back.clone()), two.clone()]);
    let slow = Operation { completed_us: late + 1_000, ..back.clone() };
    passes(vec![one.clone(), slow, two.clone()]);
    fails(vec![one.clone(), failed(back), two.clone()]);
    fails(vec![one.clone(), two, cancel_booking(&one, late + 6..late + 9)]);
}

#[test]
fn a_cancelled_booking_frees_what_was_held_first_too() {
    let one = hold(user(1), &[7], 0..10);
    let sale = confirm(&one, booking(1), 20..30);
    let two = book(user(2), &[7], booking(2), 60..70);
    fails(vec![one.clone(), sale.clone(), two.clone()]);
    passes(vec![one, sale.clone(), cancel_booking(&sale, 40..50), two]);
}

#[test]
fn an_unknown_sale_in_one_step_is_never_a_pass() {
    let lost = unknown(book(user(1), &[7], booking(1), 20..30));
    let other = hold(user(2), &[8], 0..10);
    assert_eq!(check(vec![other, lost]).verdict, CheckVerdict::Unknown);
}

#[test]
fn copies_of_one_request_are_one_promise() {
    let one = hold(user(1), &[7], 0..10);
    let copy = Operation { invoked_us: 1, completed_us: 30, replayed: true, ..one.clone() };
    passes(vec![one.clone(), copy.clone()]);
    let sale = confirm(&one, booking(1), 40..50);
    passes(vec![one, copy, sale.clone(), Operation { completed_us: 60, ..sale }]);
}

#[test]
fn an_unknown_hold_promises_nothing_even_if_it_was_settled() {
    let lost = unknown(hold(user(1), &[7], 0..10));
    let settled = Operation { settled: Some(Outcome::Ok), ..lost.clone() };
    for lost in [lost, settled] {
        passes(vec![lost, hold(user(2), &[7], 20..30)]);
    }
}

#[test]
fn an_unknown_payment_is_never_a_pass() {
    let one = hold(user(1), &[7], 0..10);
    let lost = unknown(confirm(&one, booking(1), 20..30));
    assert_eq!(check(vec![one.clone(), lost.clone()]).verdict, CheckVerdict::Unknown);
    let settled = Operation { settled: Some(Outcome::Fail), ..lost };
    passes(vec![one, settled]);
}

#[test]
fn refusals_alone_prove_nothing() {
    assert_eq!(check(vec![failed(hold(user(1), &[7], 0..10))]).verdict, CheckVerdict::Unknown);
}

#[test]
fn a_third_buyer_is_caught_behind_a_short_hold_of_a_second_one() {
    // 1 has the seat for long; 2 and 3 come in between, and 3 overlaps only 1.
    let one = hold(user(1), &[7], 0..10);
    let two = Operation { ttl_ms: Some(1), ..hold(user(2), &[7], 20..30) };
    let three = hold(user(3), &[7], 5_000..5_010);
    let result = check(vec![one, two, three]);
    assert_eq!(result.violations, 1, "a violation is a seat");
    // The same buyer again between two others hides neither.
    let own = hold(user(1), &[7], 100..110);
    fails(vec![hold(user(1), &[7], 0..10), own, hold(user(2), &[7], 200..210)]);
}

proptest! {
    /// The sweep finds an overlap where comparing every pair does.
    #[test]
    fn the_sweep_agrees_with_comparing_every_pair(
        holds in proptest::collection::vec((0..4_u64, 0..60_u64, 1..20_u64, 1..30_u64), 1..12)
    ) {
        let history: Vec<Operation> = holds
            .iter()
            .enumerate()
            .map(|(index, (buyer, began, took, ttl_ms))| {
                let index = index as u64;
                let began_us = began * 1_000 + index;
                Operation {
                    key: Some(format!("key-{index}")),
                    ttl_ms: Some(*ttl_ms),
                    ..hold(user(*buyer), &[7], began_us..began_us + took * 1_000)
                }
            })
            .collect();
        let span = |op: &Operation| (op.completed_us, op.invoked_us + op.ttl_ms.unwrap() * 1_000);
        let overlap = |one: &Operation, two: &Operation| {
            let ((from, until), (other_from, other_until)) = (span(one), span(two));
            one.user != two.user && from.max(other_from) < until.min(other_until)
        };
        let expected = history.iter().any(|one| history.iter().any(|two| overlap(one, two)));
        let certain = history.iter().any(|op| span(op).0 < span(op).1);
        let verdict = check(history).verdict;
        let wanted = match (expected, certain) {
            (true, _) => CheckVerdict::Fail,
            (false, true) => CheckVerdict::Pass,
            (false, false) => CheckVerdict::Unknown,
        };
        prop_assert_eq!(verdict, wanted);
    }
}
