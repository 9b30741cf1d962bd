//! A provider whose every call is timed, and counted where it gave no answer. Knows no provider.

use std::sync::Arc;

use async_trait::async_trait;

use super::{ChargeOutcome, LookUpOutcome, PaymentProvider, RefundOutcome};
use crate::domain::{Cents, PaymentId, RefundId};
use crate::metrics::{Outcome, time_dependency};

/// What the provider is called in metrics.
const DEPENDENCY: &str = "payments";

/// Whichever provider it is.
pub struct Timed(pub Arc<dyn PaymentProvider>);

#[async_trait]
impl PaymentProvider for Timed {
    async fn charge(&self, payment: PaymentId, amount: Cents, method: &str) -> ChargeOutcome {
        time_dependency(DEPENDENCY, self.0.charge(payment, amount, method), |end| {
            Outcome::failed_if(matches!(end, ChargeOutcome::Unknown(_)))
        })
        .await
    }

    async fn refund(&self, payment: PaymentId, refund: RefundId) -> RefundOutcome {
        time_dependency(DEPENDENCY, self.0.refund(payment, refund), |end| {
            Outcome::failed_if(matches!(end, RefundOutcome::Unknown(_)))
        })
        .await
    }

    async fn look_up(&self, payment: PaymentId) -> LookUpOutcome {
        time_dependency(DEPENDENCY, self.0.look_up(payment), |end| {
            Outcome::failed_if(matches!(end, LookUpOutcome::Unknown(_)))
        })
        .await
    }

    /// Not timed: what probes ask would hide what buyers wait for.
    async fn is_reachable(&self) -> bool {
        self.0.is_reachable().await
    }
}
