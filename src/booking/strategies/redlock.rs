//! `redlock`: a lease on the seats over the Redis nodes keeps contenders out of the database; the write is fenced, so
//! that a holder that was paused past its lease changes nothing.
//!
//! The fencing token comes from a sequence in PostgreSQL after the lease is granted, so a later lease carries a larger
//! one. The write takes a seat only where no larger token wrote before and where it is still free.

use async_trait::async_trait;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::Strategy;
use crate::booking::context::WhenLocksUnreachable;
use crate::booking::hold::{self, HoldOrder};
use crate::booking::{BookingError, Context};
use crate::domain::{Refusal, StoredResponse};
use crate::locks::{Acquired, Lease};
use crate::storage::{StorageError, Tx, seats};

/// The strategy.
#[derive(Debug)]
pub struct LeasedSeats;

#[async_trait]
impl Strategy for LeasedSeats {
    fn name(&self) -> &'static str {
        "redlock"
    }

    fn summary(&self) -> &'static str {
        "a lease over a majority of Redis nodes, with a fencing token checked in the write"
    }

    async fn hold(
        &self,
        context: &Context,
        order: &HoldOrder,
    ) -> Result<StoredResponse, BookingError> {
        let names = order.seats.ids().iter().map(|seat| format!("seat:{}", seat.0)).collect();
        match context.locks.acquire(names, &context.entropy).await {
            Acquired::Lease(mut lease) => {
                let end = claim(context, order, Some(&mut lease)).await;
                context.locks.release(lease).await;
                end
            }
            Acquired::Contended => Err(Refusal::Contended.into()),
            Acquired::Unreachable => match context.settings.when_locks_unreachable {
                WhenLocksUnreachable::Degrade => claim(context, order, None).await,
                WhenLocksUnreachable::Refuse => Err(BookingError::LocksUnreachable),
            },
        }
    }
}

async fn claim(
    context: &Context,
    order: &HoldOrder,
    lease: Option<&mut Lease>,
) -> Result<StoredResponse, BookingError> {
    let (fence, facts) = {
        let mut connection = context.storage.connection().await?;
        (
            next_fencing_token(&mut connection).await?,
            seats::read(&mut connection, &order.seats).await?,
        )
    };
    let total = hold::price(order, &facts)?;
    if let Some(lease) = lease
        && lease.remaining() < context.locks.extend_below()
        && !context.locks.extend(lease).await
    {
        return Err(Refusal::Contended.into());
    }
    context
        .storage
        .transaction("hold", async |mut tx: Tx| {
            let claimed = claim_fenced(&mut tx, order, fence).await?;
            match claimed.first() {
                Some(&expires_at) if claimed.len() == order.seats.len() => {
                    let response = hold::record(context, &mut tx, order, total, expires_at).await?;
                    Ok((tx, response))
                }
                _ => {
                    metrics::counter!("ticketctl_fenced_writes_refused_total").increment(1);
                    Err(BookingError::Refused(Refusal::Contended))
                }
            }
        })
        .await
}

async fn next_fencing_token(connection: &mut PgConnection) -> Result<i64, StorageError> {
    let token = sqlx::query_scalar!(r#"select nextval('fencing_tokens') as "token!""#)
        .fetch_one(connection)
        .await?;
    Ok(token)
}

/// One end of the hold for each seat that no later lease wrote to and that is still free.
async fn claim_fenced(
    connection: &mut PgConnection,
    order: &HoldOrder,
    fence: i64,
) -> Result<Vec<OffsetDateTime>, StorageError> {
    let rows = sqlx::query_scalar!(
        r#"with free as (
               select id from seats
               where id = any($1) and fence < $2 and booking_id is null and (held_until is null or held_until <= now())
               order by id for update)
           update seats set reservation_id = $3, held_until = now() + make_interval(secs => $4),
                            version = version + 1, fence = $2
           from free where seats.id = free.id
           returning held_until as "held_until!""#,
        &order.seats.numbers(),
        fence,
        order.id.0,
        f64::from(order.ttl.seconds())
    )
    .fetch_all(connection)
    .await?;
    Ok(rows)
}
