//! How concurrent claims on seats are serialised. To add a strategy: a new file, its `mod` line, a line in `STRATEGIES`.
//! The statements that are a strategy stand in its file.

/// No protection at all.
mod naive;
/// Row locks before looking.
mod row_lock;
/// Look, then write only if nothing changed.
mod optimistic;
/// A lease over Redis nodes, fenced in the write.
mod redlock;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::BookingError;
use super::answer::Render;
use super::claim::Claim;
use crate::domain::StoredResponse;
use crate::entropy::Entropy;
use crate::locks::Redlock;
use crate::storage::bookings::Sale;
use crate::storage::{Storage, StorageError};

/// A way to serialise claims. It owns the stores it works with, and may own state and tasks.
#[async_trait]
pub trait Strategy: Send + Sync {
    /// Claims the seats and records the reservation, in one transaction; returns the stored answer.
    async fn hold(&self, claim: &Claim) -> Result<StoredResponse, BookingError>;

    /// Makes a sale of seats that were held; false, and nothing written, when the hold or the payment was lost to somebody
    /// else.
    async fn sell(&self, sale: &Sale<'_>) -> Result<bool, StorageError>;

    /// Finishes what is under way, once no more requests come.
    async fn shut_down(&self) {}
}

/// A strategy by name.
pub struct StrategyEntry {
    /// As flags and scenarios write it.
    pub name: &'static str,
    /// One line for help.
    pub summary: &'static str,
    /// Whether it sells seats twice, and so takes the schema's guard away and works on throwaway databases only.
    pub is_unsafe: bool,
    /// What it doesn't work without, besides PostgreSQL.
    pub needs: &'static [Need],
    open: fn(&Resources) -> Arc<dyn Strategy>,
}

/// What a strategy may not work without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Redis nodes for leases.
    LockNodes,
}

/// What a server has for strategies; each takes its own handles on what it uses.
pub struct Resources {
    /// The truth.
    pub storage: Storage,
    /// Leases.
    pub locks: Redlock,
    /// What happens to claims when no majority of lock nodes answers.
    pub when_locks_unreachable: WhenLocksUnreachable,
    /// How answers are written.
    pub render: Render,
    /// Jitter.
    pub entropy: Arc<Entropy>,
}

/// What happens to claims when no majority of lock nodes answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenLocksUnreachable {
    /// Go on without: the database still lets only one of them win.
    Degrade,
    /// Refuse with 503.
    Refuse,
}

/// Every strategy.
pub const STRATEGIES: &[&StrategyEntry] =
    &[&naive::ENTRY, &row_lock::ENTRY, &optimistic::ENTRY, &redlock::ENTRY];

/// The one that is used where nobody chooses.
pub const DEFAULT: &StrategyEntry = &row_lock::ENTRY;

/// The strategy of this name.
pub fn find(name: &str) -> Option<&'static StrategyEntry> {
    STRATEGIES.iter().copied().find(|strategy| strategy.name == name)
}

/// The names, in table order.
pub fn names() -> Vec<&'static str> {
    STRATEGIES.iter().map(|strategy| strategy.name).collect()
}

impl StrategyEntry {
    /// The strategy, ready for claims.
    pub fn open(&self, resources: &Resources) -> Arc<dyn Strategy> {
        (self.open)(resources)
    }
}

impl fmt::Debug for StrategyEntry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name)
    }
}
