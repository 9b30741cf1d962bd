//! `row_lock`: locks the seats' rows in order of id, looks, then writes. Contenders queue at the first seat they share,
//! and nobody writes in vain; a paused holder makes them wait until PostgreSQL ends its idle transaction.

use async_trait::async_trait;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::Strategy;
use crate::booking::hold::{self, HoldOrder};
use crate::booking::{BookingError, Context};
use crate::domain::StoredResponse;
use crate::storage::seats::SeatFacts;
use crate::storage::{StorageError, Tx};

/// The strategy.
#[derive(Debug)]
pub struct RowLock;

#[async_trait]
impl Strategy for RowLock {
    fn name(&self) -> &'static str {
        "row_lock"
    }

    fn summary(&self) -> &'static str {
        "SELECT FOR UPDATE in seat order, then the write: pessimistic, in the database"
    }

    async fn hold(
        &self,
        context: &Context,
        order: &HoldOrder,
    ) -> Result<StoredResponse, BookingError> {
        context
            .storage
            .transaction("hold", async |mut tx: Tx| {
                let seen = lock_and_claim(&mut tx, order).await?;
                let facts: Vec<SeatFacts> = seen.iter().map(|(facts, _)| *facts).collect();
                let total = hold::price(order, &facts)?;
                let expires_at = seen.first().map(|(_, expires_at)| *expires_at);
                let expires_at =
                    expires_at.ok_or(StorageError::Impossible("order without seats"))?;
                let response = hold::record(context, &mut tx, order, total, expires_at).await?;
                Ok((tx, response))
            })
            .await
    }
}

/// Locks the seats and claims them if all are the event's and free; returns them as they stood before, and the end of the
/// hold.
async fn lock_and_claim(
    connection: &mut PgConnection,
    order: &HoldOrder,
) -> Result<Vec<(SeatFacts, OffsetDateTime)>, StorageError> {
    let rows = sqlx::query!(
        r#"with locked as materialized (
               select id, event_id, price_cents, version,
                      (booking_id is not null or coalesce(held_until > now(), false)) as taken
               from seats where id = any($1) order by id for update),
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
        &order.seats.numbers(),
        order.id.0,
        f64::from(order.ttl.seconds()),
        order.event.0
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
