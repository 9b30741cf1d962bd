//! What a payment provider is asked, and what it may answer. Knows no provider.

use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use crate::domain::{Cents, PaymentId, RefundId};

/// Somebody who takes money. Every call may be repeated: the payment's id is the idempotency key of its charge, and the
/// refund's that of its refund.
#[async_trait]
pub trait PaymentProvider: Send + Sync {
    /// Takes the money, once however often it is asked.
    async fn charge(&self, payment: PaymentId, amount: Cents, method: &str) -> ChargeOutcome;
    /// Gives the whole of it back, once however often it is asked for the same refund.
    async fn refund(&self, payment: PaymentId, refund: RefundId) -> RefundOutcome;
    /// Says what became of a charge.
    async fn look_up(&self, payment: PaymentId) -> LookUpOutcome;

    /// Whether it answers at all: asks after a payment that there never was.
    async fn is_reachable(&self) -> bool {
        !matches!(self.look_up(PaymentId(Uuid::nil())).await, LookUpOutcome::Unknown(_))
    }
}

/// What came of a charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChargeOutcome {
    /// The money was taken.
    Captured,
    /// It certainly was not.
    Declined,
    /// Nobody knows.
    Unknown(String),
}

/// What came of a refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefundOutcome {
    /// The money went back.
    Refunded,
    /// Nobody knows; ask again.
    Unknown(String),
}

/// What a provider says of a charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookUpOutcome {
    /// The money was taken.
    Captured,
    /// It was refused, or taken and refunded.
    NotCharged,
    /// It never heard of the payment.
    NeverSeen,
    /// It gave no answer.
    Unknown(String),
}

/// What a provider needs to know.
#[derive(Debug, Clone)]
pub struct ProviderSettings {
    /// Its URL, for providers that are reached over HTTP.
    pub url: Option<String>,
    /// How long one call may take before its outcome counts as unknown.
    pub timeout: Duration,
}

/// A provider that can't be used as it is set up.
#[derive(Debug, thiserror::Error)]
#[error("payment provider {provider}: {reason}")]
pub struct ProviderError {
    /// Its name.
    pub provider: &'static str,
    /// What is wrong, and what to do.
    pub reason: String,
}
