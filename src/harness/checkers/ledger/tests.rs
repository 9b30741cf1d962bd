//! The ledger's checker over accounts made by hand.

use super::Ledger;
use crate::domain::BookingState;
use crate::harness::checkers::fixtures::{Case, charge, payment, refund};
use crate::harness::checkers::judge;
use crate::harness::recorder::fixtures::ended;
use crate::harness::recorder::{Operation, Outcome};
use crate::harness::summary::{CheckResult, CheckVerdict};
use crate::storage::audit::{Finding, FindingKind, PaymentState};
use crate::wire::{PaymentCall, PaymentCallOutcome};

fn check(case: &Case) -> CheckResult {
    judge(&Ledger, case.collected())
}

fn fails(break_it: impl FnOnce(&mut Case), word: &str) {
    let mut case = Case::honest_sale();
    break_it(&mut case);
    let result = check(&case);
    assert_eq!(result.verdict, CheckVerdict::Fail, "{word}: {result:?}");
    assert!(result.detail.contains(word), "{word} in {}", result.detail);
    assert_eq!(result.double_sells(), 0, "money is no seat");
}

#[test]
fn money_without_a_booking_fails() {
    fails(|case| case.ledger.push(charge(payment(900), 100)), "has no payment");
    fails(|case| case.audit.bookings[0].state = BookingState::Cancelled, "0 confirmed bookings");
}

#[test]
fn a_booking_without_money_fails() {
    fails(|case| case.ledger.push(refund(&case.ledger[0])), "was never charged");
    fails(|case| case.ledger.truncate(19), "was never charged");
}

#[test]
fn a_refund_and_a_missing_booking_of_the_same_sum_do_not_cancel_out() {
    // The totals agree: one booking lost its money, another one's money lost its booking.
    fails(
        |case| {
            case.ledger.push(refund(&case.ledger[0]));
            case.audit.payments[0].state = PaymentState::Refunded;
            case.audit.bookings[1].state = BookingState::Cancelled;
        },
        "was never charged",
    );
}

#[test]
fn a_booking_charged_twice_fails() {
    let twice = |case: &mut Case| {
        let mut row = case.audit.payments[0].clone();
        row.id = payment(900);
        case.ledger.push(charge(row.id, row.amount_cents));
        case.audit.payments.push(row);
    };
    fails(twice, "was charged 2 times");
    fails(|case| case.ledger.push(case.ledger[0].clone()), "was charged 2 times");
}

#[test]
fn a_payment_left_pending_or_of_another_amount_fails() {
    fails(|case| case.audit.payments[0].state = PaymentState::Pending, "is pending");
    fails(
        |case| case.audit.payments[0].state = PaymentState::Failed,
        "is failed, the provider says: captured",
    );
    fails(|case| case.audit.payments[0].amount_cents += 1, "and was charged");
    fails(|case| case.audit.bookings[0].total_cents += 1, "were booked");
}

#[test]
fn refunds_and_declines_that_all_agree_on_pass() {
    let mut case = Case::honest_sale();
    for (number, (state, came_to)) in [
        (PaymentState::Refunded, Some(PaymentCallOutcome::Executed)),
        (PaymentState::Failed, Some(PaymentCallOutcome::Declined)),
        (PaymentState::Failed, None),
    ]
    .into_iter()
    .enumerate()
    {
        let mut row = case.audit.payments[0].clone();
        (row.id, row.state) = (payment(900 + number as u64), state);
        let asked = charge(row.id, row.amount_cents);
        case.ledger.extend(came_to.map(|outcome| PaymentCall { outcome, ..asked.clone() }));
        if state == PaymentState::Refunded {
            case.ledger.push(refund(&asked));
            let again = refund(&asked);
            case.ledger.push(PaymentCall { outcome: PaymentCallOutcome::Repeated, ..again });
        }
        case.audit.payments.push(row);
    }
    let result = check(&case);
    assert_eq!(result.verdict, CheckVerdict::Pass, "{}", result.detail);
    assert_eq!(result.detail, "200,000 cents kept for 20 bookings, 1 refund in 24 calls");
}

#[test]
fn what_only_the_audit_found_fails() {
    let finding =
        Finding { kind: FindingKind::PaymentWithoutBooking, detail: "a stray payment".to_owned() };
    fails(|case| case.audit.findings.push(finding), "a stray payment");
}

#[test]
fn a_second_refund_under_another_id_fails() {
    let mut case = Case::honest_sale();
    case.audit.payments[0].state = PaymentState::Refunded;
    case.audit.bookings[0].state = BookingState::Cancelled;
    let back = refund(&case.ledger[0]);
    case.ledger.push(back.clone());
    assert_eq!(check(&case).verdict, CheckVerdict::Pass, "{:?}", check(&case));
    case.ledger.push(PaymentCall { outcome: PaymentCallOutcome::Repeated, ..back.clone() });
    assert_eq!(check(&case).verdict, CheckVerdict::Pass, "the same refund, asked for again");
    case.ledger.push(PaymentCall { key: payment(901), ..back });
    assert_eq!(check(&case).violation_kinds["refunded_twice"], 1);
}

#[test]
fn a_call_about_an_unknown_payment_or_for_what_cannot_be_fails() {
    let kind = |change: &dyn Fn(&mut PaymentCall), kind: &str| {
        let mut case = Case::honest_sale();
        let mut call = refund(&case.ledger[0]);
        call.outcome = PaymentCallOutcome::Refused;
        change(&mut call);
        case.ledger.push(call);
        let result = check(&case);
        assert_eq!(result.violation_kinds.get(kind), Some(&1), "{result:?}");
    };
    kind(&|_| (), "refund_not_due");
    kind(&|call| call.payment_id = payment(900), "unknown_payment");
    kind(&|call| call.kind = super::PaymentCallKind::Charge, "other_amount");
}

#[test]
fn a_booking_that_costs_other_than_its_seats_fails() {
    let mut case = Case::honest_sale();
    case.audit.seats[0].price_cents += 1;
    let result = check(&case);
    assert_eq!(result.violation_kinds["wrong_price"], 1, "{result:?}");
    let mut evened_out = Case::honest_sale();
    evened_out.audit.bookings[0].ticket_cents[0] -= 1;
    assert_eq!(check(&evened_out).violation_kinds["wrong_price"], 1);
    assert!(result.detail.contains("10,000 cents, and its seats cost 10,001 cents"));
}

#[test]
fn who_was_told_another_total_or_a_decline_was_charged_so() {
    let told_less = |case: &mut Case| {
        case.history[1].told.iter_mut().for_each(|told| told.total_cents -= 1);
    };
    fails(told_less, "was told of 9,999 cents and charged [10,000 cents]");
    let declined = |case: &mut Case| {
        let lost = ended(case.history[1].clone(), Outcome::Fail);
        case.history[1] = Operation { reason: Some("payment_declined".to_owned()), ..lost };
    };
    fails(declined, "declined, and 10,000 cents were kept");
    fails(
        |case| {
            declined(case);
            case.ledger[0].outcome = PaymentCallOutcome::Declined;
        },
        "declined, and has booking",
    );
    let mut case = Case::honest_sale();
    declined(&mut case);
    case.ledger[0].outcome = PaymentCallOutcome::Declined;
    case.audit.payments[0].state = PaymentState::Failed;
    case.audit.bookings.remove(0);
    assert_eq!(check(&case).verdict, CheckVerdict::Pass, "{:?}", check(&case));
}
