//! A strategy whose leases are given up by whoever asked for one, had they been granted it or not. Knows nothing of how the
//! strategy works.

use std::sync::Arc;

use async_trait::async_trait;
use redis::AsyncCommands as _;

use crate::booking::BookingError;
use crate::booking::claim::Claim;
use crate::booking::strategies::Strategy;
use crate::domain::StoredResponse;
use crate::locks::Node;
use crate::storage::StorageError;
use crate::storage::bookings::Sale;

/// A strategy, and the nodes that its leases are on.
pub struct ReleasesOfOthers {
    /// The strategy.
    pub strategy: Arc<dyn Strategy>,
    /// The nodes.
    pub nodes: Arc<[Node]>,
}

#[async_trait]
impl Strategy for ReleasesOfOthers {
    async fn hold(&self, claim: &Claim) -> Result<StoredResponse, BookingError> {
        let end = self.strategy.hold(claim).await;
        let names: Vec<String> =
            claim.seats.ids().iter().map(|seat| format!("seat:{}", seat.0)).collect();
        for node in self.nodes.iter() {
            let names = names.clone();
            let released: Result<i64, _> =
                node.run(|mut connection| async move { connection.del(names).await }).await;
            if let Err(error) = released {
                tracing::debug!(%error, "a lease was not released");
            }
        }
        end
    }

    async fn sell(&self, sale: &Sale<'_>) -> Result<bool, StorageError> {
        self.strategy.sell(sale).await
    }

    async fn shut_down(&self) {
        self.strategy.shut_down().await;
    }
}
