//! `naive`: looks whether seats are free, then writes. Between the two anything can happen. It is the negative control:
//! a run over it that passes is a defect of the harness.

use async_trait::async_trait;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::Strategy;
use crate::booking::hold::{self, HoldOrder};
use crate::booking::{BookingError, Desk};
use crate::domain::{BookingId, StoredResponse};
use crate::storage::payments::Payment;
use crate::storage::{StorageError, Tx, seats};

/// The strategy.
#[derive(Debug)]
pub struct Naive;

#[async_trait]
impl Strategy for Naive {
    fn name(&self) -> &'static str {
        "naive"
    }

    fn summary(&self) -> &'static str {
        "looks, then writes, without any protection: the negative control, on throwaway stacks only"
    }

    fn is_unsafe(&self) -> bool {
        true
    }

    async fn hold(&self, desk: &Desk, order: &HoldOrder) -> Result<StoredResponse, BookingError> {
        let facts = {
            let mut connection = desk.storage.connection().await?;
            seats::read(&mut connection, &order.seats).await?
        };
        let total = hold::price(order, &facts)?;
        desk.storage
            .transaction("hold", async |mut tx: Tx| {
                let expires_at = claim_unguarded(&mut tx, order).await?;
                let response = hold::record(desk, &mut tx, order, total, expires_at).await?;
                Ok((tx, response))
            })
            .await
    }

    async fn sell(
        &self,
        tx: &mut Tx,
        payment: &Payment,
        booking: BookingId,
    ) -> Result<bool, StorageError> {
        sell_unguarded(tx, payment, booking).await?;
        Ok(true)
    }
}

async fn claim_unguarded(
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

async fn sell_unguarded(
    connection: &mut PgConnection,
    payment: &Payment,
    booking: BookingId,
) -> Result<(), StorageError> {
    sqlx::query!(
        "update seats set booking_id = $2 where id = any($1)",
        &payment.seats.numbers(),
        booking.0
    )
    .execute(connection)
    .await?;
    Ok(())
}
