//! `ledger`: money follows seats. The provider's own calls, the server's payments and the bookings must tell one story, and
//! so must the seats' prices and what buyers were told of their payments.

/// What the provider did, by payment.
mod account;
/// What buyers were told.
mod told;

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

use super::violations::Violations;
use super::{Checker, Evidence, Undeclared};
use crate::domain::{BookingState, counted};
use crate::harness::plan::EvidenceKind;
use crate::harness::summary::{CheckResult, Violation};
use crate::storage::audit::{Audit, BookingRow, FindingKind, PaymentRow, PaymentState};
use crate::wire::{ChargeState, PaymentCall, PaymentCallKind, PaymentCallOutcome};

use account::{Account, cents};

/// The checker.
#[derive(Debug)]
pub struct Ledger;

impl Checker for Ledger {
    fn name(&self) -> &'static str {
        "ledger"
    }

    fn summary(&self) -> &'static str {
        "what was charged and not refunded is what the booked seats cost, call by call"
    }

    fn needs(&self) -> &'static [EvidenceKind] {
        &[EvidenceKind::History, EvidenceKind::Audit, EvidenceKind::Ledger]
    }

    /// A violation is a call, a payment, a booking, or what a buyer was told.
    fn check(&self, evidence: &Evidence<'_>) -> Result<CheckResult, Undeclared> {
        let (audit, calls) = (evidence.audit()?, evidence.ledger()?);
        let story = Story::read(audit, calls);
        let mut violations = Violations::default();
        story.check_totals(&mut violations);
        story.check_calls(calls, &mut violations);
        story.check_accounts(&mut violations);
        story.check_payments(audit, &mut violations);
        story.check_bookings(&mut violations);
        check_prices(audit, &mut violations);
        told::check(evidence.history()?, audit, &story.accounts, &mut violations);
        if violations.count() == 0 {
            for finding in findings(audit) {
                let text = format!("the audit found: {finding}");
                violations.add(1, Violation::new("payment_or_booking_alone", text));
            }
        }
        let judged = (calls.len() + audit.bookings.len()) as u64;
        let nothing = "nothing was charged and nothing was booked";
        Ok(violations.result(self.name(), judged, nothing, || {
            let refunds = story.accounts.values().map(|account| account.refunds).sum::<u64>();
            format!(
                "{} kept for {}, {} in {}",
                cents(story.kept_cents()),
                counted(story.sales.len(), "booking"),
                counted(refunds, "refund"),
                counted(calls.len(), "call")
            )
        }))
    }
}

/// The three accounts, indexed.
struct Story<'a> {
    accounts: BTreeMap<Uuid, Account>,
    payments: HashMap<Uuid, &'a PaymentRow>,
    /// Confirmed bookings.
    sales: Vec<&'a BookingRow>,
    /// Payments whose charge stands captured, by reservation.
    captured: HashMap<Uuid, Vec<&'a PaymentRow>>,
}

impl<'a> Story<'a> {
    fn read(audit: &'a Audit, calls: &[PaymentCall]) -> Self {
        let accounts = account::of(calls);
        let mut captured: HashMap<Uuid, Vec<&PaymentRow>> = HashMap::new();
        for payment in &audit.payments {
            let state = accounts.get(&payment.id).and_then(Account::state);
            if state == Some(ChargeState::Captured) {
                captured.entry(payment.reservation_id).or_default().push(payment);
            }
        }
        Self {
            accounts,
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
        self.accounts.values().map(Account::kept_cents).sum()
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

    /// Nobody asks about a payment that the server doesn't know, and nobody for what can't be.
    fn check_calls(&self, calls: &[PaymentCall], violations: &mut Violations) {
        for call in calls {
            let (id, server) = (call.payment_id, &call.server);
            let what = match call.kind {
                PaymentCallKind::Charge => "charge",
                PaymentCallKind::Refund => "refund",
            };
            let wrong = match (call.kind, call.outcome) {
                _ if !self.payments.contains_key(&id) => {
                    Some(("unknown_payment", "that the server has no record of,"))
                }
                (PaymentCallKind::Charge, PaymentCallOutcome::Refused) => {
                    Some(("other_amount", "of another amount before,"))
                }
                (PaymentCallKind::Refund, PaymentCallOutcome::Refused) => {
                    Some(("refund_not_due", "that took nothing,"))
                }
                (
                    _,
                    PaymentCallOutcome::Executed
                    | PaymentCallOutcome::Declined
                    | PaymentCallOutcome::Repeated,
                ) => None,
            };
            if let Some((kind, why)) = wrong {
                let amount = cents(call.amount_cents);
                let text = format!("{server} asked for a {what} of payment {id}, {why} {amount}");
                violations.add(1, of_payment(id, kind, text));
            }
        }
    }

    /// A payment is charged once and refunded once; a charge that stands has a payment, and its reservation exactly one
    /// confirmed booking.
    fn check_accounts(&self, violations: &mut Violations) {
        let mut bookings: HashMap<Uuid, usize> = HashMap::new();
        for sale in &self.sales {
            *bookings.entry(sale.reservation_id).or_default() += 1;
        }
        for (id, account) in &self.accounts {
            let payment = self.payments.get(id);
            let booked = payment.and_then(|payment| bookings.get(&payment.reservation_id).copied());
            if account.state() == Some(ChargeState::Captured) && booked != Some(1) {
                let payment = payment.copied();
                violations.add(2, stray(*id, account, payment, booked.unwrap_or_default()));
            }
            let repeated = [
                (account.charges, "charged_twice", "charged"),
                (account.refunds, "refunded_twice", "refunded"),
            ];
            for (times, kind, what) in repeated.into_iter().filter(|(times, ..)| *times > 1) {
                let text = format!("payment {id} was {what} {times} times");
                violations.add(times, of_payment(*id, kind, text));
            }
        }
    }

    /// Every payment says what the provider says, and none is left in the middle.
    fn check_payments(&self, audit: &Audit, violations: &mut Violations) {
        for payment in &audit.payments {
            let account = self.accounts.get(&payment.id);
            let state = account.and_then(Account::state);
            let agrees = matches!(
                (payment.state, state),
                (PaymentState::Captured, Some(ChargeState::Captured))
                    | (PaymentState::Refunded, Some(ChargeState::Refunded))
                    | (PaymentState::Failed, Some(ChargeState::Declined) | None)
            );
            if !agrees {
                let provider = state.map_or("knows nothing of it", state_name);
                let text = format!(
                    "payment {} is {}, the provider says: {provider}",
                    payment.id,
                    payment.state.name()
                );
                violations.add(1, of_payment(payment.id, "payment_state", text));
            }
            let once = account.filter(|account| account.charges == 1);
            if let Some(account) =
                once.filter(|account| account.taken_cents != payment.amount_cents)
            {
                let (asked, charged) = (cents(payment.amount_cents), cents(account.taken_cents));
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

/// A booking costs what its seats cost, cancelled or not, and each of its tickets what its seat costs.
fn check_prices(audit: &Audit, violations: &mut Violations) {
    let prices: HashMap<i64, i64> =
        audit.seats.iter().map(|seat| (seat.id, seat.price_cents)).collect();
    for booking in &audit.bookings {
        let of_seats: Option<Vec<i64>> =
            booking.seat_ids.iter().map(|seat| prices.get(seat).copied()).collect();
        let Some(of_seats) = of_seats else { continue };
        let cost: i64 = of_seats.iter().sum();
        if cost == booking.total_cents && of_seats == booking.ticket_cents {
            continue;
        }
        let (total, cost) = (cents(booking.total_cents), cents(cost));
        let text = format!(
            "booking {} is over {total}, and its seats cost {cost}: its tickets {:?}, its seats {of_seats:?}",
            booking.id, booking.ticket_cents
        );
        let violation = Violation {
            seats: booking.seat_ids.clone(),
            bookings: vec![booking.id],
            users: vec![booking.user_id],
            ..Violation::new("wrong_price", text)
        };
        violations.add(2, violation);
    }
}

/// A charge that stands, and no payment or not exactly one confirmed booking to it.
fn stray(id: Uuid, account: &Account, payment: Option<&PaymentRow>, booked: usize) -> Violation {
    let amount = cents(account.taken_cents);
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

#[cfg(test)]
mod tests;
