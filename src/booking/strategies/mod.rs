//! How concurrent claims on seats are serialised. To add a strategy: a new file, its `mod` line, a line in `STRATEGIES`.
//! The statements that are a strategy stand in its file.

/// No protection at all.
pub mod naive;
/// Row locks before looking.
pub mod row_lock;
/// Look, then write only if nothing changed.
pub mod optimistic;
/// A lease over Redis nodes, fenced in the write.
pub mod redlock;

use async_trait::async_trait;

use super::hold::HoldOrder;
use super::{BookingError, Context};
use crate::domain::StoredResponse;
use crate::storage::StorageError;
use crate::storage::bookings::{self, Sale};

/// A way to serialise claims.
#[async_trait]
pub trait Strategy: Send + Sync {
    /// Its name, as flags and scenarios write it.
    fn name(&self) -> &'static str;

    /// One line for help.
    fn summary(&self) -> &'static str;

    /// Whether it sells seats twice, and so takes the schema's guard away and works on throwaway databases only.
    fn is_unsafe(&self) -> bool {
        false
    }

    /// Claims the order's seats and records the reservation, in one transaction; returns the stored answer.
    async fn hold(
        &self,
        context: &Context,
        order: &HoldOrder,
    ) -> Result<StoredResponse, BookingError>;

    /// Makes a sale of seats that were held; false, and nothing written, when the hold or the payment was lost to somebody
    /// else.
    async fn sell(&self, context: &Context, sale: &Sale<'_>) -> Result<bool, StorageError> {
        context
            .storage
            .statement("sell", async |mut connection| bookings::sell(&mut connection, sale).await)
            .await
    }
}

/// Every strategy.
pub const STRATEGIES: &[&dyn Strategy] =
    &[&naive::Naive, &row_lock::RowLock, &optimistic::Optimistic, &redlock::LeasedSeats];

/// The strategy of this name.
pub fn find(name: &str) -> Option<&'static dyn Strategy> {
    STRATEGIES.iter().copied().find(|strategy| strategy.name() == name)
}

/// The names, in table order.
pub fn names() -> Vec<&'static str> {
    STRATEGIES.iter().map(|strategy| strategy.name()).collect()
}
