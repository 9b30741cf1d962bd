//! `naive`: looks whether seats are free, then writes. Between the two anything can happen. It is the negative control:
//! a run over it that passes is a defect of the harness.

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{Strategy, StrategyEntry};
use crate::booking::BookingError;
use crate::booking::answer::Render;
use crate::booking::claim::{self, Claim};
use crate::domain::StoredResponse;
use crate::storage::bookings::{self, Sale};
use crate::storage::{Storage, StorageError, Tx, idempotency, seats};

/// The table's line.
pub const ENTRY: StrategyEntry = StrategyEntry {
    name: "naive",
    summary: "looks, then writes, without any protection: the negative control, on throwaway stacks only",
    is_unsafe: true,
    needs: &[],
    open: |resources| {
        Arc::new(Naive { storage: resources.storage.clone(), render: resources.render })
    },
};

struct Naive {
    storage: Storage,
    render: Render,
}

#[async_trait]
impl Strategy for Naive {
    async fn hold(&self, claim: &Claim) -> Result<StoredResponse, BookingError> {
        let facts = {
            let mut connection = self.storage.connection().await?;
            seats::read(&mut connection, &claim.seats).await?
        };
        let total = claim::price(claim, &facts)?;
        self.storage
            .transaction("hold", async |mut tx: Tx| {
                let terms = (total, claim_unguarded(&mut tx, claim).await?);
                let response = claim::record(&mut tx, self.render, claim, terms).await?;
                Ok((tx, response))
            })
            .await
    }

    async fn sell(&self, sale: &Sale<'_>) -> Result<bool, StorageError> {
        self.storage
            .statement("sell", async |mut connection| {
                sell_unguarded(&mut connection, sale).await?;
                Ok(true)
            })
            .await
    }
}

async fn claim_unguarded(
    connection: &mut PgConnection,
    claim: &Claim,
) -> Result<OffsetDateTime, StorageError> {
    let row = sqlx::query!(
        r#"with claimed as (
               update seats set reservation_id = $2, held_until = now() + make_interval(secs => $3),
                                version = version + 1
               where id = any($1) and (select take_turn($4, $5)))
           select now() + make_interval(secs => $3) as "expires_at!""#,
        &claim.seats.numbers(),
        claim.id.0,
        f64::from(claim.ttl.seconds()),
        claim.request.user.0,
        claim.event.0
    )
    .fetch_one(connection)
    .await?;
    Ok(row.expires_at)
}

/// The same writes as a guarded sale, without asking whose the seats are.
async fn sell_unguarded(
    connection: &mut PgConnection,
    sale: &Sale<'_>,
) -> Result<(), StorageError> {
    let Sale { payment, booking, response } = sale;
    let (seats, tickets) = bookings::tickets(booking);
    sqlx::query!(
        "with captured as (update payments set state = 'captured', step = 'done' where id = $1),
         confirmed as (update reservations set state = 'confirmed', ended_at = now() where id = $4),
         sold as (update seats set booking_id = $2 where id = any($8)),
         ended as (
             update idempotency_records
             set state = 'SUCCESS', status_code = $11, response = $12, expires_at = now() + interval '1 day'
             where user_id = $6 and key = $10),
         booking as (
             insert into bookings (id, reference, reservation_id, event_id, user_id, state, total_cents, idempotency_key)
             values ($2, $3, $4, $5, $6, 'confirmed', $7, $10))
         insert into booking_seats (booking_id, seat_id, ticket_number, price_cents)
         select $2, seats.id, ordered.ticket_number, price_cents
         from unnest($8::bigint[], $9::text[]) as ordered (seat_id, ticket_number)
         join seats on seats.id = ordered.seat_id",
        payment.id.0,
        booking.id.0,
        booking.reference.as_str(),
        booking.reservation.0,
        booking.event.0,
        booking.user.0,
        booking.total.get(),
        &seats,
        &tickets,
        payment.key.as_str(),
        idempotency::status_code(response),
        response.body
    )
    .execute(connection)
    .await?;
    Ok(())
}
