//! Payment providers. To add one: a new file, its `mod` line, a line in `PROVIDERS`. Knows nothing of seats: a provider
//! is told a payment's id and a sum.

/// What a provider is asked, and what it may answer.
mod provider;
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

use timed::Timed;

pub use absent::Absent;
pub use provider::{
    ChargeOutcome, LookUpOutcome, PaymentProvider, ProviderError, ProviderSettings, RefundOutcome,
};

/// Where a provider keeps what it charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ledger {
    /// In the memory of the server that asked it: other processes can't ask after its charges.
    InProcess,
    /// Outside: every process can ask.
    External,
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
