//! The rules of a payment provider: one payment is captured at most once, one refund is carried out at most once, and every
//! call is kept. A refund under another id is another refund and is carried out, as lenient providers do. Pure; knows nothing
//! of HTTP, or of why a charge is declined.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::wire::{
    Charge, ChargeRequest, ChargeState, PaymentCall, PaymentCallKind, PaymentCallOutcome,
};

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
    /// Captures and refunds whose answer never reached the caller.
    pub replies_lost: u64,
}

/// Who asks, and when.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    /// Name of the server.
    pub server: &'a str,
    /// The simulator's time.
    pub at: OffsetDateTime,
}

/// Every charge ever asked for, and every call.
#[derive(Debug, Default)]
pub struct Ledger {
    charges: BTreeMap<Uuid, Charge>,
    /// Refunds carried out: payment and the refund's own id.
    refunds: BTreeSet<(Uuid, Uuid)>,
    calls: Vec<PaymentCall>,
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
    pub fn charge(
        &mut self,
        caller: Caller<'_>,
        request: &ChargeRequest,
        is_declined: bool,
    ) -> Charged {
        let charged = self.decide(request, is_declined);
        self.calls.push(PaymentCall {
            at: caller.at,
            server: caller.server.to_owned(),
            kind: PaymentCallKind::Charge,
            payment_id: request.payment_id,
            key: request.payment_id,
            amount_cents: request.amount_cents,
            outcome: match &charged {
                Charged::New(charge) if charge.state == ChargeState::Declined => {
                    PaymentCallOutcome::Declined
                }
                Charged::New(_) => PaymentCallOutcome::Executed,
                Charged::Again(_) => PaymentCallOutcome::Repeated,
                Charged::Conflict => PaymentCallOutcome::Refused,
            },
        });
        charged
    }

    fn decide(&mut self, request: &ChargeRequest, is_declined: bool) -> Charged {
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

    /// Gives the whole amount back, once for each refund's own id.
    pub fn refund(&mut self, caller: Caller<'_>, payment_id: Uuid, refund_id: Uuid) -> Refunded {
        let mut is_new = false;
        let refunded = match self.charges.get_mut(&payment_id) {
            None => Refunded::Unknown,
            Some(Charge { state: ChargeState::Declined, .. }) => Refunded::Declined,
            Some(charge) => {
                is_new = self.refunds.insert((payment_id, refund_id));
                charge.state = ChargeState::Refunded;
                self.counts.refunded += u64::from(is_new);
                Refunded::Back(charge.clone())
            }
        };
        let amount_cents = self.find(payment_id).map_or(0, |charge| charge.amount_cents);
        self.calls.push(PaymentCall {
            at: caller.at,
            server: caller.server.to_owned(),
            kind: PaymentCallKind::Refund,
            payment_id,
            key: refund_id,
            amount_cents,
            outcome: match &refunded {
                Refunded::Back(_) if is_new => PaymentCallOutcome::Executed,
                Refunded::Back(_) => PaymentCallOutcome::Repeated,
                Refunded::Declined | Refunded::Unknown => PaymentCallOutcome::Refused,
            },
        });
        refunded
    }

    /// Every call, in order.
    pub fn calls(&self) -> &[PaymentCall] {
        &self.calls
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

    const CALLER: Caller<'_> = Caller { server: "server-1", at: OffsetDateTime::UNIX_EPOCH };

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
        let Charged::New(first) = ledger.charge(CALLER, &request(500), false) else {
            panic!("the first request must capture");
        };
        // A decline that would hit the repeat must not change what was decided.
        assert_eq!(ledger.charge(CALLER, &request(500), true), Charged::Again(first));
        assert_eq!((ledger.counts.captured, ledger.counts.repeated), (1, 1));
        assert_eq!(ledger.charges().len(), 1);
    }

    #[test]
    fn another_amount_for_the_same_payment_is_a_conflict() {
        let mut ledger = Ledger::default();
        ledger.charge(CALLER, &request(500), false);
        assert_eq!(ledger.charge(CALLER, &request(501), false), Charged::Conflict);
        assert_eq!(ledger.charges()[0].amount_cents, 500);
    }

    #[test]
    fn a_refund_gives_back_once_and_a_later_charge_takes_nothing() {
        let mut ledger = Ledger::default();
        ledger.charge(CALLER, &request(500), false);
        let id = request(0).payment_id;
        let Refunded::Back(refunded) = ledger.refund(CALLER, id, id) else {
            panic!("a capture is refundable")
        };
        assert_eq!(ledger.refund(CALLER, id, id), Refunded::Back(refunded.clone()));
        assert_eq!(ledger.counts.refunded, 1);
        assert_eq!(ledger.charge(CALLER, &request(500), false), Charged::Again(refunded));
    }

    #[test]
    fn a_refund_under_another_id_is_another_refund_and_every_call_is_kept() {
        let (mut ledger, id) = (Ledger::default(), request(0).payment_id);
        ledger.refund(CALLER, id, id);
        ledger.charge(CALLER, &request(500), false);
        ledger.charge(CALLER, &request(500), false);
        ledger.charge(CALLER, &request(501), false);
        for key in [1, 1, 2] {
            ledger.refund(CALLER, id, Uuid::from_u128(key));
        }
        let other = ChargeRequest { payment_id: Uuid::from_u128(8), ..request(500) };
        ledger.charge(CALLER, &other, true);
        let came_to: Vec<String> =
            ledger.calls().iter().map(|call| format!("{:?}", call.outcome)).collect();
        let expected = [
            "Refused", "Executed", "Repeated", "Refused", "Executed", "Repeated", "Executed",
            "Declined",
        ];
        assert_eq!(came_to, expected);
        assert_eq!(ledger.calls()[6].key, Uuid::from_u128(2));
        assert_eq!((ledger.counts.refunded, ledger.calls()[6].amount_cents), (2, 500));
    }

    #[test]
    fn what_was_declined_or_never_seen_cannot_be_refunded() {
        let mut ledger = Ledger::default();
        let id = request(0).payment_id;
        assert_eq!(ledger.refund(CALLER, id, id), Refunded::Unknown);
        ledger.charge(CALLER, &request(500), true);
        assert_eq!(ledger.refund(CALLER, id, id), Refunded::Declined);
    }
}
