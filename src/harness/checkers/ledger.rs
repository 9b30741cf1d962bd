//! `ledger`: money follows seats. The provider's own ledger, the server's payments and the bookings must tell one story.
//! Knows nothing of what clients were told.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

use super::violations::Violations;
use super::{Checker, Evidence, Undeclared};
use crate::domain::{BookingState, counted};
use crate::harness::plan::EvidenceKind;
use crate::harness::summary::{CheckResult, Violation};
use crate::storage::audit::{Audit, BookingRow, FindingKind, PaymentRow, PaymentState};
use crate::wire::{Charge, ChargeState};

/// The checker.
#[derive(Debug)]
pub struct Ledger;

impl Checker for Ledger {
    fn name(&self) -> &'static str {
        "ledger"
    }

    fn summary(&self) -> &'static str {
        "what was captured and not refunded is what was booked, charge by charge"
    }

    fn needs(&self) -> &'static [EvidenceKind] {
        &[EvidenceKind::Audit, EvidenceKind::Ledger]
    }

    /// A violation is a charge, a payment or a booking.
    fn check(&self, evidence: &Evidence<'_>) -> Result<CheckResult, Undeclared> {
        let (audit, ledger) = (evidence.audit()?, evidence.ledger()?);
        let story = Story::read(audit, ledger);
        let mut violations = Violations::default();
        story.check_totals(&mut violations);
        story.check_charges(ledger, &mut violations);
        story.check_payments(audit, &mut violations);
        story.check_bookings(&mut violations);
        if violations.count() == 0 {
            for finding in findings(audit) {
                let text = format!("the audit found: {finding}");
                violations.add(1, Violation::new("payment_or_booking_alone", text));
            }
        }
        let judged = (ledger.len() + audit.bookings.len()) as u64;
        let nothing = "nothing was charged and nothing was booked";
        Ok(violations.result(self.name(), judged, nothing, || {
            let refunded =
                ledger.iter().filter(|charge| charge.state == ChargeState::Refunded).count();
            format!(
                "{} kept for {}, {} refunded",
                cents(story.kept_cents()),
                counted(story.sales.len(), "booking"),
                counted(refunded, "charge")
            )
        }))
    }
}

/// The three accounts, indexed.
struct Story<'a> {
    charges: HashMap<Uuid, &'a Charge>,
    payments: HashMap<Uuid, &'a PaymentRow>,
    /// Confirmed bookings.
    sales: Vec<&'a BookingRow>,
    /// Payments whose charge stands captured, by reservation.
    captured: HashMap<Uuid, Vec<&'a PaymentRow>>,
}

impl<'a> Story<'a> {
    fn read(audit: &'a Audit, ledger: &'a [Charge]) -> Self {
        let charges: HashMap<Uuid, &Charge> =
            ledger.iter().map(|charge| (charge.payment_id, charge)).collect();
        let mut captured: HashMap<Uuid, Vec<&PaymentRow>> = HashMap::new();
        for payment in &audit.payments {
            if charges.get(&payment.id).is_some_and(|charge| charge.state == ChargeState::Captured)
            {
                captured.entry(payment.reservation_id).or_default().push(payment);
            }
        }
        Self {
            charges,
            payments: audit.payments.iter().map(|payment| (payment.id, payment)).collect(),
            sales: audit
                .bookings
                .iter()
                .filter(|booking| booking.state == BookingState::Confirmed)
                .collect(),
            captured,
        }
    }

    fn kept_cents(&self) -> i64 {
        let kept = self.charges.values().filter(|charge| charge.state == ChargeState::Captured);
        kept.map(|charge| charge.amount_cents).sum()
    }

    fn check_totals(&self, violations: &mut Violations) {
        let (kept, booked) =
            (self.kept_cents(), self.sales.iter().map(|sale| sale.total_cents).sum());
        if kept != booked {
            let text = format!(
                "{} were captured and not refunded, {} were booked",
                cents(kept),
                cents(booked)
            );
            violations.add(u64::MAX, Violation::new("totals_differ", text));
        }
    }

    /// Every charge that stands has a payment, and its reservation exactly one confirmed booking.
    fn check_charges(&self, ledger: &[Charge], violations: &mut Violations) {
        let mut entries: BTreeMap<Uuid, u64> = BTreeMap::new();
        let mut bookings: HashMap<Uuid, usize> = HashMap::new();
        for sale in &self.sales {
            *bookings.entry(sale.reservation_id).or_default() += 1;
        }
        for charge in ledger {
            *entries.entry(charge.payment_id).or_default() += 1;
            let payment = self.payments.get(&charge.payment_id);
            let booked = payment.and_then(|payment| bookings.get(&payment.reservation_id).copied());
            match (charge.state, payment) {
                (ChargeState::Captured, Some(_)) if booked == Some(1) => {}
                (ChargeState::Captured, payment) => {
                    violations.add(2, stray(charge, payment.copied(), booked.unwrap_or_default()));
                }
                (ChargeState::Declined | ChargeState::Refunded, _) => {}
            }
        }
        for (id, times) in entries.into_iter().filter(|(_, times)| *times > 1) {
            let text = format!("payment {id} is in the provider's ledger {times} times");
            violations.add(times, of_payment(id, "charged_twice", text));
        }
    }

    /// Every payment says what the provider says, and none is left in the middle.
    fn check_payments(&self, audit: &Audit, violations: &mut Violations) {
        for payment in &audit.payments {
            let charge = self.charges.get(&payment.id);
            let agrees = matches!(
                (payment.state, charge.map(|charge| charge.state)),
                (PaymentState::Captured, Some(ChargeState::Captured))
                    | (PaymentState::Refunded, Some(ChargeState::Refunded))
                    | (PaymentState::Failed, Some(ChargeState::Declined) | None)
            );
            if !agrees {
                let provider =
                    charge.map_or("knows nothing of it", |charge| state_name(charge.state));
                let text = format!(
                    "payment {} is {}, the provider says: {provider}",
                    payment.id,
                    payment.state.name()
                );
                violations.add(1, of_payment(payment.id, "payment_state", text));
            }
            if let Some(charge) =
                charge.filter(|charge| charge.amount_cents != payment.amount_cents)
            {
                let (asked, charged) = (cents(payment.amount_cents), cents(charge.amount_cents));
                let text =
                    format!("payment {} is over {asked} and was charged {charged}", payment.id);
                violations.add(1, of_payment(payment.id, "other_amount", text));
            }
        }
    }

    /// Every confirmed booking has exactly one charge that stands, over its total.
    fn check_bookings(&self, violations: &mut Violations) {
        for sale in &self.sales {
            let total = cents(sale.total_cents);
            let charges = self.captured.get(&sale.reservation_id).map_or(&[][..], Vec::as_slice);
            let wrong = |kind, text: String| Violation {
                seats: sale.seat_ids.clone(),
                bookings: vec![sale.id],
                payments: charges.iter().map(|payment| payment.id).collect(),
                users: vec![sale.user_id],
                ..Violation::new(kind, format!("booking {} {text}", sale.id))
            };
            match charges {
                [payment] if payment.amount_cents == sale.total_cents => {}
                [payment] => {
                    let paid = cents(payment.amount_cents);
                    let text = format!("costs {total} and {paid} were paid");
                    violations.add(2, wrong("other_amount", text));
                }
                [] => {
                    let text = format!("over {total} was never charged");
                    violations.add(2, wrong("unpaid_booking", text));
                }
                [_, _, ..] => {
                    let count = charges.len();
                    let text = format!("over {total} was charged {count} times");
                    violations.add(count as u64, wrong("charged_twice", text));
                }
            }
        }
    }
}

/// A charge that stands, and no payment or not exactly one confirmed booking to it.
fn stray(charge: &Charge, payment: Option<&PaymentRow>, booked: usize) -> Violation {
    let (id, amount) = (charge.payment_id, cents(charge.amount_cents));
    let Some(payment) = payment else {
        let text = format!("charge {id} over {amount} has no payment in the database");
        return of_payment(id, "stray_charge", text);
    };
    let booked = counted(booked, "confirmed booking");
    let reservation = payment.reservation_id;
    let text = format!("charge {id} over {amount} is for reservation {reservation} with {booked}");
    Violation { reservations: vec![reservation], ..of_payment(id, "stray_charge", text) }
}

fn of_payment(id: Uuid, kind: &str, text: String) -> Violation {
    Violation { payments: vec![id], ..Violation::new(kind, text) }
}

fn findings(audit: &Audit) -> impl Iterator<Item = &str> {
    let about_money = |kind| {
        matches!(
            kind,
            FindingKind::BookingWithoutPayment
                | FindingKind::PaymentWithoutBooking
                | FindingKind::WrongTotal
        )
    };
    audit
        .findings
        .iter()
        .filter(move |finding| about_money(finding.kind))
        .map(|finding| finding.detail.as_str())
}

fn state_name(state: ChargeState) -> &'static str {
    match state {
        ChargeState::Captured => "captured",
        ChargeState::Declined => "declined",
        ChargeState::Refunded => "refunded",
    }
}

fn cents(amount: i64) -> String {
    counted(amount, "cent")
}

#[cfg(test)]
mod tests {
    use super::Ledger;
    use crate::domain::BookingState;
    use crate::harness::checkers::fixtures::{Case, payment};
    use crate::harness::checkers::judge;
    use crate::harness::summary::{CheckResult, CheckVerdict};
    use crate::storage::audit::{Finding, FindingKind, PaymentState};
    use crate::wire::{Charge, ChargeState};

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
        let extra =
            Charge { payment_id: payment(900), amount_cents: 100, state: ChargeState::Captured };
        fails(|case| case.ledger.push(extra), "has no payment");
        fails(
            |case| case.audit.bookings[0].state = BookingState::Cancelled,
            "0 confirmed bookings",
        );
    }

    #[test]
    fn a_booking_without_money_fails() {
        fails(|case| case.ledger[0].state = ChargeState::Refunded, "was never charged");
        fails(|case| case.ledger.truncate(19), "was never charged");
    }

    #[test]
    fn a_refund_and_a_missing_booking_of_the_same_sum_do_not_cancel_out() {
        // The totals agree: one booking lost its money, another one's money lost its booking.
        fails(
            |case| {
                case.ledger[0].state = ChargeState::Refunded;
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
            let charge = Charge { payment_id: row.id, ..case.ledger[0].clone() };
            case.audit.payments.push(row);
            case.ledger.push(charge);
        };
        fails(twice, "was charged 2 times");
        fails(|case| case.ledger.push(case.ledger[0].clone()), "ledger 2 times");
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
        for (state, charge) in [
            (PaymentState::Refunded, Some(ChargeState::Refunded)),
            (PaymentState::Failed, Some(ChargeState::Declined)),
            (PaymentState::Failed, None),
        ] {
            let number = 900 + case.audit.payments.len() as u64;
            let mut row = case.audit.payments[0].clone();
            row.id = payment(number);
            row.state = state;
            let entry = charge.map(|state| Charge {
                payment_id: row.id,
                amount_cents: row.amount_cents,
                state,
            });
            case.ledger.extend(entry);
            case.audit.payments.push(row);
        }
        let result = check(&case);
        assert_eq!(result.verdict, CheckVerdict::Pass, "{}", result.detail);
        assert_eq!(result.detail, "200,000 cents kept for 20 bookings, 1 charge refunded");
    }

    #[test]
    fn what_only_the_audit_found_fails() {
        let finding = Finding {
            kind: FindingKind::PaymentWithoutBooking,
            detail: "a stray payment".to_owned(),
        };
        fails(|case| case.audit.findings.push(finding), "a stray payment");
    }
}
