//! A provider in this process: captures everything, except for the payment method `declined`. Its ledger is in memory
//! and ends with the process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::{ChargeOutcome, Ledger, LookUpOutcome, PaymentProvider, ProviderEntry, RefundOutcome};
use crate::domain::{Cents, PaymentId, RefundId};

/// The table's line.
pub const ENTRY: ProviderEntry = ProviderEntry {
    name: "mock",
    summary: "captures everything but the method `declined`, in memory: for trying the server out",
    ledger: Ledger::InProcess,
    open: |_settings| Ok(Arc::new(Mock::default())),
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Charge {
    Captured,
    Declined,
    Refunded,
}

/// The mock and its ledger.
#[derive(Debug, Default)]
pub struct Mock {
    charges: Mutex<HashMap<PaymentId, Charge>>,
}

#[async_trait]
impl PaymentProvider for Mock {
    async fn charge(&self, payment: PaymentId, _amount: Cents, method: &str) -> ChargeOutcome {
        let mut charges = self.charges.lock().unwrap_or_else(PoisonError::into_inner);
        let new = if method == "declined" { Charge::Declined } else { Charge::Captured };
        match charges.entry(payment).or_insert(new) {
            Charge::Captured => ChargeOutcome::Captured,
            Charge::Declined | Charge::Refunded => ChargeOutcome::Declined,
        }
    }

    async fn refund(&self, payment: PaymentId, _refund: RefundId) -> RefundOutcome {
        let mut charges = self.charges.lock().unwrap_or_else(PoisonError::into_inner);
        match charges.get_mut(&payment) {
            Some(charge @ (Charge::Captured | Charge::Refunded)) => {
                *charge = Charge::Refunded;
                RefundOutcome::Refunded
            }
            Some(Charge::Declined) | None => {
                RefundOutcome::Unknown("nothing was charged".to_owned())
            }
        }
    }

    async fn look_up(&self, payment: PaymentId) -> LookUpOutcome {
        match self.charges.lock().unwrap_or_else(PoisonError::into_inner).get(&payment) {
            Some(Charge::Captured) => LookUpOutcome::Captured,
            Some(Charge::Declined | Charge::Refunded) => LookUpOutcome::NotCharged,
            None => LookUpOutcome::NeverSeen,
        }
    }
}
