//! A provider that is not there: nobody knows what it would answer. For commands that never ask one.

use async_trait::async_trait;

use super::{ChargeOutcome, LookUpOutcome, PaymentProvider, RefundOutcome};
use crate::domain::{Cents, PaymentId, RefundId};

/// Nobody.
#[derive(Debug)]
pub struct Absent;

fn nobody() -> String {
    "there is no payment provider here".to_owned()
}

#[async_trait]
impl PaymentProvider for Absent {
    async fn charge(&self, _payment: PaymentId, _amount: Cents, _method: &str) -> ChargeOutcome {
        ChargeOutcome::Unknown(nobody())
    }

    async fn refund(&self, _payment: PaymentId, _refund: RefundId) -> RefundOutcome {
        RefundOutcome::Unknown(nobody())
    }

    async fn look_up(&self, _payment: PaymentId) -> LookUpOutcome {
        LookUpOutcome::Unknown(nobody())
    }
}
