//! `row_lock`: locks the seats' rows in order of id, looks, then writes. Contenders queue at the first seat they share,
//! and nobody writes in vain; a paused holder makes them wait until PostgreSQL ends its idle transaction.

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{Strategy, StrategyEntry};
use crate::booking::BookingError;
use crate::booking::answer::Render;
use crate::booking::claim::{self, Claim};
use crate::domain::StoredResponse;
use crate::storage::bookings::Sale;
use crate::storage::seats::SeatFacts;
use crate::storage::{Storage, StorageError, Tx};

/// The table's line.
pub const ENTRY: StrategyEntry = StrategyEntry {
    name: "row_lock",
    summary: "SELECT FOR UPDATE in seat order, then the write: pessimistic, in the database",
    is_unsafe: false,
    needs: &[],
    open: |resources| {
        Arc::new(RowLock { storage: resources.storage.clone(), render: resources.render })
    },
};

struct RowLock {
    storage: Storage,
    render: Render,
}

#[async_trait]
impl Strategy for RowLock {
    async fn hold(&self, claim: &Claim) -> Result<StoredResponse, BookingError> {
        self.storage
            .transaction("hold", async |mut tx: Tx| {
                let seen = lock_and_claim(&mut tx, claim).await?;
                let facts: Vec<SeatFacts> = seen.iter().map(|(facts, _)| *facts).collect();
                let total = claim::price(claim, &facts)?;
                let expires_at = seen.first().map(|(_, expires_at)| *expires_at);
                let expires_at =
                    expires_at.ok_or(StorageError::Impossible("claim without seats"))?;
                let terms = (total, expires_at);
                let response = claim::record(&mut tx, self.render, claim, terms).await?;
                Ok((tx, response))
            })
            .await
    }

    async fn sell(&self, sale: &Sale<'_>) -> Result<bool, StorageError> {
        claim::sell(&self.storage, sale).await
    }
}

/// Locks the seats and claims them if all are the event's and free; returns them as they stood before, and the end of the
/// hold.
async fn lock_and_claim(
    connection: &mut PgConnection,
    claim: &Claim,
) -> Result<Vec<(SeatFacts, OffsetDateTime)>, StorageError> {
    let rows = sqlx::query!(
        r#"with locked as materialized (
               select id, event_id, price_cents, version,
                      (booking_id is not null or coalesce(held_until > now(), false)) as taken
               from seats where id = any($1) and (select take_turn($5, $4)) order by id for update),
           allowed as (
               select count(*) from locked
               having count(*) = cardinality($1) and not bool_or(taken) and bool_and(event_id = $4)),
           claimed as (
               update seats set reservation_id = $2, held_until = now() + make_interval(secs => $3),
                                version = seats.version + 1
               from locked, allowed where seats.id = locked.id)
           select id as "id!", event_id as "event_id!", price_cents as "price_cents!", version as "version!",
                  taken as "taken!", now() + make_interval(secs => $3) as "expires_at!"
           from locked"#,
        &claim.seats.numbers(),
        claim.id.0,
        f64::from(claim.ttl.seconds()),
        claim.event.0,
        claim.request.user.0
    )
    .fetch_all(connection)
    .await?;
    let facts = rows.into_iter().map(|row| {
        let facts = SeatFacts {
            id: row.id,
            event_id: row.event_id,
            price_cents: row.price_cents,
            version: row.version,
            taken: row.taken,
        };
        (facts, row.expires_at)
    });
    Ok(facts.collect())
}
