//! `ledger`: money follows seats. The provider's own ledger, the server's payments and the bookings must tell one story.
//! Knows nothing of what clients were told.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

use super::violations::{Violations, counted};
use super::{Checker, Evidence, Undeclared};
use crate::harness::plan::EvidenceKind;
use crate::harness::summary::CheckResult;
use crate::storage::audit::{Audit, BookingRow, FindingKind, PaymentRow};
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
                violations.add(1, format!("the audit found: {finding}"));
            }
        }
        Ok(violations.result(self.name(), || {
            if ledger.is_empty() && audit.bookings.is_empty() {
                return CheckResult::unknown(
                    self.name(),
                    "nothing was charged and nothing was booked",
                );
            }
            let refunded =
                ledger.iter().filter(|charge| charge.state == ChargeState::Refunded).count();
            let detail = format!(
                "{} kept for {}, {} refunded",
                cents(story.kept_cents()),
                counted(story.sales.len(), "booking"),
                counted(refunded, "charge")
            );
            CheckResult::pass(self.name(), detail)
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
            sales: audit.bookings.iter().filter(|booking| booking.state == "confirmed").collect(),
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
            let what = format!(
                "{} were captured and not refunded, {} were booked",
                cents(kept),
                cents(booked)
            );
            violations.add(u64::MAX, what);
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
            let id = charge.payment_id;
            *entries.entry(id).or_default() += 1;
            let amount = cents(charge.amount_cents);
            match (charge.state, self.payments.get(&id)) {
                (ChargeState::Captured, None) => {
                    violations.add(
                        2,
                        format!("charge {id} over {amount} has no payment in the database"),
                    );
                }
                (ChargeState::Captured, Some(payment)) => match bookings
                    .get(&payment.reservation_id)
                {
                    Some(1) => {}
                    count => {
                        let booked =
                            counted(count.copied().unwrap_or_default(), "confirmed booking");
                        let paid_for =
                            format!("reservation {} with {booked}", payment.reservation_id);
                        violations.add(2, format!("charge {id} over {amount} is for {paid_for}"));
                    }
                },
                (ChargeState::Declined | ChargeState::Refunded, _) => {}
            }
        }
        for (id, times) in entries.into_iter().filter(|(_, times)| *times > 1) {
            violations
                .add(times, format!("payment {id} is in the provider's ledger {times} times"));
        }
    }

    /// Every payment says what the provider says, and none is left in the middle.
    fn check_payments(&self, audit: &Audit, violations: &mut Violations) {
        for payment in &audit.payments {
            let charge = self.charges.get(&payment.id);
            let agrees = matches!(
                (payment.state.as_str(), charge.map(|charge| charge.state)),
                ("captured", Some(ChargeState::Captured))
                    | ("refunded", Some(ChargeState::Refunded))
                    | ("failed", Some(ChargeState::Declined) | None)
            );
            if !agrees {
                let provider =
                    charge.map_or("knows nothing of it", |charge| state_name(charge.state));
                let what = format!(
                    "payment {} is {}, the provider says: {provider}",
                    payment.id, payment.state
                );
                violations.add(1, what);
            }
            if let Some(charge) =
                charge.filter(|charge| charge.amount_cents != payment.amount_cents)
            {
                let (asked, charged) = (cents(payment.amount_cents), cents(charge.amount_cents));
                violations.add(
                    1,
                    format!("payment {} is over {asked} and was charged {charged}", payment.id),
                );
            }
        }
    }

    /// Every confirmed booking has exactly one charge that stands, over its total.
    fn check_bookings(&self, violations: &mut Violations) {
        for sale in &self.sales {
            let total = cents(sale.total_cents);
            match self.captured.get(&sale.reservation_id).map(Vec::as_slice) {
                Some([payment]) if payment.amount_cents == sale.total_cents => {}
                Some([payment]) => {
                    let paid = cents(payment.amount_cents);
                    violations
                        .add(2, format!("booking {} costs {total} and {paid} were paid", sale.id));
                }
                Some(payments) => {
                    let count = payments.len();
                    violations.add(
                        count as u64,
                        format!("booking {} over {total} was charged {count} times", sale.id),
                    );
                }
                None => {
                    violations
                        .add(2, format!("booking {} over {total} was never charged", sale.id));
                }
            }
        }
    }
}

fn findings(audit: &Audit) -> impl Iterator<Item = &str> {
    let about_money = |kind| {
        matches!(kind, FindingKind::BookingWithoutPayment | FindingKind::PaymentWithoutBooking)
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
    use crate::harness::checkers::crafted::{Case, payment};
    use crate::harness::checkers::judge;
    use crate::harness::summary::{CheckResult, CheckVerdict};
    use crate::storage::audit::{Finding, FindingKind};
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
    }

    #[test]
    fn money_without_a_booking_fails() {
        let extra =
            Charge { payment_id: payment(900), amount_cents: 100, state: ChargeState::Captured };
        fails(|case| case.ledger.push(extra), "has no payment");
        fails(
            |case| "cancelled".clone_into(&mut case.audit.bookings[0].state),
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
                "refunded".clone_into(&mut case.audit.payments[0].state);
                "cancelled".clone_into(&mut case.audit.bookings[1].state);
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
        fails(|case| "pending".clone_into(&mut case.audit.payments[0].state), "is pending");
        fails(
            |case| "failed".clone_into(&mut case.audit.payments[0].state),
            "is failed, the provider says: captured",
        );
        fails(|case| case.audit.payments[0].amount_cents += 1, "and was charged");
        fails(|case| case.audit.bookings[0].total_cents += 1, "were booked");
    }

    #[test]
    fn refunds_and_declines_that_all_agree_on_pass() {
        let mut case = Case::honest_sale();
        for (state, charge) in [
            ("refunded", Some(ChargeState::Refunded)),
            ("failed", Some(ChargeState::Declined)),
            ("failed", None),
        ] {
            let number = 900 + case.audit.payments.len() as u64;
            let mut row = case.audit.payments[0].clone();
            row.id = payment(number);
            state.clone_into(&mut row.state);
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
