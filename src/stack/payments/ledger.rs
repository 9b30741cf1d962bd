//! The rules of a payment provider: one payment is captured at most once and refunded at most once.
//! Pure; knows nothing of HTTP, of servers, or of why a charge is declined.

use std::collections::BTreeMap;

use serde::Serialize;
use uuid::Uuid;

use crate::wire::{Charge, ChargeRequest, ChargeState};

/// What was asked of the provider besides new charges; each request counts once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Charges that took money.
    pub captured: u64,
    /// Charges that were declined.
    pub declined: u64,
    /// Charges asked for again, unchanged; they took nothing.
    pub repeated: u64,
    /// Charges asked for again with another amount; they took nothing.
    pub conflicting: u64,
    /// Refunds that gave money back.
    pub refunded: u64,
    /// Captures whose answer never reached the caller.
    pub replies_lost: u64,
}

/// Every charge ever asked for.
#[derive(Debug, Default)]
pub struct Ledger {
    charges: BTreeMap<Uuid, Charge>,
    /// Kept here so that it changes together with the charges.
    pub counts: Counts,
}

/// What became of a request to charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Charged {
    /// Decided now.
    New(Charge),
    /// Decided earlier, or refunded since.
    Again(Charge),
    /// The payment exists with another amount.
    Conflict,
}

/// What became of a request to refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refunded {
    /// The money is back, now or since an earlier request.
    Back(Charge),
    /// Nothing was ever taken.
    Declined,
    /// No such payment.
    Unknown,
}

impl Ledger {
    /// Captures the payment, or declines it where `is_declined`, unless it was decided before.
    pub fn charge(&mut self, request: &ChargeRequest, is_declined: bool) -> Charged {
        if let Some(charge) = self.charges.get(&request.payment_id) {
            if charge.amount_cents != request.amount_cents {
                self.counts.conflicting += 1;
                return Charged::Conflict;
            }
            self.counts.repeated += 1;
            return Charged::Again(charge.clone());
        }
        let (state, count) = if is_declined {
            (ChargeState::Declined, &mut self.counts.declined)
        } else {
            (ChargeState::Captured, &mut self.counts.captured)
        };
        *count += 1;
        let charge =
            Charge { payment_id: request.payment_id, amount_cents: request.amount_cents, state };
        self.charges.insert(charge.payment_id, charge.clone());
        Charged::New(charge)
    }

    /// Gives the whole amount back, once.
    pub fn refund(&mut self, payment_id: Uuid) -> Refunded {
        let Some(charge) = self.charges.get_mut(&payment_id) else {
            return Refunded::Unknown;
        };
        match charge.state {
            ChargeState::Declined => return Refunded::Declined,
            ChargeState::Captured => {
                charge.state = ChargeState::Refunded;
                self.counts.refunded += 1;
            }
            ChargeState::Refunded => {}
        }
        Refunded::Back(charge.clone())
    }

    /// One charge.
    pub fn find(&self, payment_id: Uuid) -> Option<&Charge> {
        self.charges.get(&payment_id)
    }

    /// All charges, sorted by payment id.
    pub fn charges(&self) -> Vec<Charge> {
        self.charges.values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(amount_cents: i64) -> ChargeRequest {
        ChargeRequest {
            payment_id: Uuid::from_u128(7),
            amount_cents,
            payment_method: "card".to_owned(),
        }
    }

    #[test]
    fn a_payment_sent_twice_is_captured_once() {
        let mut ledger = Ledger::default();
        let Charged::New(first) = ledger.charge(&request(500), false) else {
            panic!("the first request must capture");
        };
        // A decline that would hit the repeat must not change what was decided.
        assert_eq!(ledger.charge(&request(500), true), Charged::Again(first));
        assert_eq!((ledger.counts.captured, ledger.counts.repeated), (1, 1));
        assert_eq!(ledger.charges().len(), 1);
    }

    #[test]
    fn another_amount_for_the_same_payment_is_a_conflict() {
        let mut ledger = Ledger::default();
        ledger.charge(&request(500), false);
        assert_eq!(ledger.charge(&request(501), false), Charged::Conflict);
        assert_eq!(ledger.charges()[0].amount_cents, 500);
    }

    #[test]
    fn a_refund_gives_back_once_and_a_later_charge_takes_nothing() {
        let mut ledger = Ledger::default();
        ledger.charge(&request(500), false);
        let id = request(0).payment_id;
        let Refunded::Back(refunded) = ledger.refund(id) else { panic!("a capture is refundable") };
        assert_eq!(ledger.refund(id), Refunded::Back(refunded.clone()));
        assert_eq!(ledger.counts.refunded, 1);
        assert_eq!(ledger.charge(&request(500), false), Charged::Again(refunded));
    }

    #[test]
    fn what_was_declined_or_never_seen_cannot_be_refunded() {
        let mut ledger = Ledger::default();
        let id = request(0).payment_id;
        assert_eq!(ledger.refund(id), Refunded::Unknown);
        ledger.charge(&request(500), true);
        assert_eq!(ledger.refund(id), Refunded::Declined);
    }
}
