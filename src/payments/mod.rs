//! Payment providers. To add one: a new file, its `mod` line, a line in `PROVIDERS`. Knows nothing of seats: a provider
//! is told a payment's id and a sum.

/// In this process, for trying the server out.
pub mod mock;
/// How long each of them takes.
mod timed;
/// Nobody: for commands that ask no provider.
mod absent;
/// Over HTTP, as a real one is: what a stack runs.
pub mod simulator;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use crate::domain::{Cents, PaymentId};
use timed::Timed;

pub use absent::Absent;

/// Somebody who takes money. Every call may be repeated: the payment's id is the provider's idempotency key.
#[async_trait]
pub trait PaymentProvider: Send + Sync {
    /// Takes the money, once however often it is asked.
    async fn charge(&self, payment: PaymentId, amount: Cents, method: &str) -> ChargeOutcome;
    /// Gives the whole of it back, once however often it is asked.
    async fn refund(&self, payment: PaymentId) -> RefundOutcome;
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

/// A provider by name.
pub struct ProviderEntry {
    /// As `--payments` takes it.
    pub name: &'static str,
    /// One line for help.
    pub summary: &'static str,
    /// Where it keeps what it charged.
    pub ledger: Ledger,
    open: fn(&ProviderSettings) -> Result<Arc<dyn PaymentProvider>, ProviderError>,
}

/// Where a provider keeps what it charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ledger {
    /// In the memory of the server that asked it: other processes can't ask after its charges.
    InProcess,
    /// Outside: every process can ask.
    External,
}

/// A provider that can't be used as it is set up.
#[derive(Debug, thiserror::Error)]
#[error("payment provider {provider}: {reason}")]
pub struct ProviderError {
    provider: &'static str,
    reason: String,
}

/// Every provider.
pub const PROVIDERS: &[&ProviderEntry] = &[&mock::ENTRY, &simulator::ENTRY];

/// The one that is used where nobody chooses.
pub const DEFAULT: &ProviderEntry = &mock::ENTRY;

/// The provider of this name.
pub fn find(name: &str) -> Option<&'static ProviderEntry> {
    PROVIDERS.iter().copied().find(|provider| provider.name == name)
}

impl ProviderEntry {
    /// The provider, ready to be asked; every call to it is timed.
    pub fn open(
        &self,
        settings: &ProviderSettings,
    ) -> Result<Arc<dyn PaymentProvider>, ProviderError> {
        Ok(Arc::new(Timed((self.open)(settings)?)))
    }
}

impl fmt::Debug for ProviderEntry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name)
    }
}
