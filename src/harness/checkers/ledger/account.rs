//! What the provider did about each payment, call by call. Knows nothing of the server's own accounts.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::domain::counted;
use crate::wire::{ChargeState, PaymentCall, PaymentCallKind, PaymentCallOutcome};

/// What the provider did about one payment.
#[derive(Debug, Clone, Copy, Default)]
pub struct Account {
    /// Charges that took money.
    pub charges: u64,
    /// Refunds that sent it back.
    pub refunds: u64,
    /// Whether a charge was declined.
    pub declined: bool,
    /// Cents taken, over all.
    pub taken_cents: i64,
    /// Cents sent back, over all.
    pub refunded_cents: i64,
}

impl Account {
    /// Where the payment stands; `None` where nothing was ever decided.
    pub fn state(&self) -> Option<ChargeState> {
        if self.refunds > 0 {
            Some(ChargeState::Refunded)
        } else if self.charges > 0 {
            Some(ChargeState::Captured)
        } else {
            self.declined.then_some(ChargeState::Declined)
        }
    }

    /// Cents that were kept.
    pub fn kept_cents(&self) -> i64 {
        self.taken_cents - self.refunded_cents
    }

    fn enter(&mut self, call: &PaymentCall) {
        match (call.kind, call.outcome) {
            (PaymentCallKind::Charge, PaymentCallOutcome::Executed) => {
                self.charges += 1;
                self.taken_cents += call.amount_cents;
            }
            (PaymentCallKind::Refund, PaymentCallOutcome::Executed) => {
                self.refunds += 1;
                self.refunded_cents += call.amount_cents;
            }
            (_, PaymentCallOutcome::Declined) => self.declined = true,
            (_, PaymentCallOutcome::Repeated | PaymentCallOutcome::Refused) => {}
        }
    }
}

/// The account of every payment that the provider was ever asked about.
pub fn of(calls: &[PaymentCall]) -> BTreeMap<Uuid, Account> {
    let mut accounts: BTreeMap<Uuid, Account> = BTreeMap::new();
    for call in calls {
        accounts.entry(call.payment_id).or_default().enter(call);
    }
    accounts
}

/// An amount, for people.
pub fn cents(amount: i64) -> String {
    counted(amount, "cent")
}
