//! A payment provider that is misused. Knows no seats; what the provider itself does is right.

use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;

use crate::domain::{Cents, PaymentId, RefundId};
use crate::payments::{ChargeOutcome, LookUpOutcome, PaymentProvider, RefundOutcome};

/// Payment method of a charge that nobody asked for.
const CARD: &str = "card";

/// A way to misuse a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misuse {
    /// Refunds are taken for made without being asked for.
    NoRefund,
    /// Every refund is asked for twice, under two ids.
    RefundTwice,
    /// Every charge is made twice, under two ids.
    ChargeTwice,
    /// One cent too much is charged.
    ChargeMore,
    /// A declined charge counts as captured.
    DeclinedIsCaptured,
    /// A declined charge is made again under another id, and still counts as declined.
    ChargedThoughDeclined,
    /// A captured charge is refunded at once.
    RefundAtOnce,
    /// Whoever asks what became of a charge is told that there was none.
    CapturedIsForgotten,
    /// A charge without an answer counts as declined.
    SilenceIsDeclined,
    /// A charge without an answer is made again under another id.
    SilenceIsChargedAgain,
    /// A refund without an answer counts as made.
    SilenceIsRefunded,
    /// A look-up without an answer counts as one that found nothing.
    SilenceIsNeverSeen,
}

/// A provider, misused.
pub struct Misused {
    /// The provider.
    pub provider: Arc<dyn PaymentProvider>,
    /// How.
    pub misuse: Misuse,
}

/// The same under another id.
fn other(id: Uuid) -> Uuid {
    Uuid::new_v5(&id, b"again")
}

#[async_trait]
impl PaymentProvider for Misused {
    async fn charge(&self, payment: PaymentId, amount: Cents, method: &str) -> ChargeOutcome {
        let Self { provider, misuse } = self;
        let asked = match misuse {
            Misuse::ChargeMore => Cents::new(amount.get() + 1).unwrap_or(amount),
            _ => amount,
        };
        let outcome = provider.charge(payment, asked, method).await;
        match (misuse, outcome) {
            (Misuse::ChargeTwice, ChargeOutcome::Captured)
            | (Misuse::SilenceIsChargedAgain, ChargeOutcome::Unknown(_)) => {
                provider.charge(PaymentId(other(payment.0)), amount, method).await
            }
            (Misuse::DeclinedIsCaptured, ChargeOutcome::Declined) => ChargeOutcome::Captured,
            (Misuse::ChargedThoughDeclined, ChargeOutcome::Declined) => {
                provider.charge(PaymentId(other(payment.0)), amount, CARD).await;
                ChargeOutcome::Declined
            }
            (Misuse::RefundAtOnce, ChargeOutcome::Captured) => {
                provider.refund(payment, RefundId(other(payment.0))).await;
                ChargeOutcome::Captured
            }
            (Misuse::SilenceIsDeclined, ChargeOutcome::Unknown(_)) => ChargeOutcome::Declined,
            (_, outcome) => outcome,
        }
    }

    async fn refund(&self, payment: PaymentId, refund: RefundId) -> RefundOutcome {
        match self.misuse {
            Misuse::NoRefund => RefundOutcome::Refunded,
            Misuse::RefundTwice => {
                self.provider.refund(payment, RefundId(other(refund.0))).await;
                self.provider.refund(payment, refund).await
            }
            Misuse::SilenceIsRefunded => {
                self.provider.refund(payment, refund).await;
                RefundOutcome::Refunded
            }
            _ => self.provider.refund(payment, refund).await,
        }
    }

    async fn look_up(&self, payment: PaymentId) -> LookUpOutcome {
        match (self.misuse, self.provider.look_up(payment).await) {
            (Misuse::CapturedIsForgotten, LookUpOutcome::Captured) => LookUpOutcome::NotCharged,
            (Misuse::SilenceIsNeverSeen, LookUpOutcome::Unknown(_)) => LookUpOutcome::NeverSeen,
            (_, outcome) => outcome,
        }
    }
}
