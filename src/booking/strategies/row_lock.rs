//! `row_lock`: locks the seats' rows in order of id, looks, then writes. Contenders queue at the first seat they share,
//! and nobody writes in vain; a paused holder makes them wait until PostgreSQL ends its idle transaction.

use async_trait::async_trait;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::Strategy;
use crate::booking::hold::{self, HoldOrder};
use crate::booking::{BookingError, Desk};
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

    async fn hold(&self, desk: &Desk, order: &HoldOrder) -> Result<StoredResponse, BookingError> {
        desk.storage
            .transaction("hold", async |mut tx: Tx| {
                let facts = lock(&mut tx, order).await?;
                let total = hold::price(order, &facts)?;
                let expires_at = claim_locked(&mut tx, order).await?;
                let response = hold::record(desk, &mut tx, order, total, expires_at).await?;
                Ok((tx, response))
            })
            .await
    }
}

async fn lock(
    connection: &mut PgConnection,
    order: &HoldOrder,
) -> Result<Vec<SeatFacts>, StorageError> {
    let rows = sqlx::query_as!(
        SeatFacts,
        r#"select id, event_id, price_cents, version,
                  (booking_id is not null or coalesce(held_until > now(), false)) as "taken!"
           from seats where id = any($1) order by id for update"#,
        &order.seats.numbers()
    )
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

async fn claim_locked(
    connection: &mut PgConnection,
    order: &HoldOrder,
) -> Result<OffsetDateTime, StorageError> {
    let row = sqlx::query!(
        r#"with claimed as (
               update seats set reservation_id = $2, held_until = now() + make_interval(secs => $3),
                                version = version + 1
               where id = any($1))
           select now() + make_interval(secs => $3) as "expires_at!""#,
        &order.seats.numbers(),
        order.id.0,
        f64::from(order.ttl.seconds())
    )
    .fetch_one(connection)
    .await?;
    Ok(row.expires_at)
}
