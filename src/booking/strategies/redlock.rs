//! `redlock`: a lease on the seats over the Redis nodes keeps contenders out of the database; the write is fenced, so
//! that a holder that was paused past its lease changes nothing.
//!
//! The fencing token comes from a sequence in PostgreSQL after the lease is granted, so a later lease carries a larger
//! one. The write takes a seat only where no larger token wrote before and where it is still free.

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{Need, Strategy, StrategyEntry, WhenLocksUnreachable};
use crate::booking::BookingError;
use crate::booking::answer::Render;
use crate::booking::claim::{self, Claim};
use crate::domain::{Refusal, StoredResponse};
use crate::entropy::Entropy;
use crate::locks::{Acquired, Lease, Redlock};
use crate::storage::bookings::Sale;
use crate::storage::{Storage, StorageError, Tx, seats};

/// The table's line.
pub const ENTRY: StrategyEntry = StrategyEntry {
    name: "redlock",
    summary: "a lease over a majority of Redis nodes, with a fencing token checked in the write",
    is_unsafe: false,
    needs: &[Need::LockNodes],
    open: |resources| {
        Arc::new(LeasedSeats {
            storage: resources.storage.clone(),
            locks: resources.locks.clone(),
            when_locks_unreachable: resources.when_locks_unreachable,
            render: resources.render,
            entropy: Arc::clone(&resources.entropy),
        })
    },
};

struct LeasedSeats {
    storage: Storage,
    locks: Redlock,
    when_locks_unreachable: WhenLocksUnreachable,
    render: Render,
    entropy: Arc<Entropy>,
}

#[async_trait]
impl Strategy for LeasedSeats {
    async fn hold(&self, claim: &Claim) -> Result<StoredResponse, BookingError> {
        let names = claim.seats.ids().iter().map(|seat| format!("seat:{}", seat.0)).collect();
        match self.locks.acquire(names, &self.entropy).await {
            Acquired::Lease(mut lease) => {
                let end = self.claim(claim, Some(&mut lease)).await;
                self.locks.release(lease).await;
                end
            }
            Acquired::Contended => Err(Refusal::Contended.into()),
            Acquired::Unreachable => match self.when_locks_unreachable {
                WhenLocksUnreachable::Degrade => self.claim(claim, None).await,
                WhenLocksUnreachable::Refuse => Err(BookingError::LocksUnreachable),
            },
        }
    }

    async fn sell(&self, sale: &Sale<'_>) -> Result<bool, StorageError> {
        claim::sell(&self.storage, sale).await
    }
}

impl LeasedSeats {
    async fn claim(
        &self,
        claim: &Claim,
        lease: Option<&mut Lease>,
    ) -> Result<StoredResponse, BookingError> {
        let (fence, facts) = {
            let mut connection = self.storage.connection().await?;
            (
                next_fencing_token(&mut connection).await?,
                seats::read(&mut connection, &claim.seats).await?,
            )
        };
        let total = claim::price(claim, &facts)?;
        if let Some(lease) = lease
            && lease.remaining() < self.locks.extend_below()
            && !self.locks.extend(lease).await
        {
            return Err(Refusal::Contended.into());
        }
        self.storage
            .transaction("hold", async |mut tx: Tx| {
                let claimed = claim_fenced(&mut tx, claim, fence).await?;
                match claimed.first() {
                    Some(&expires_at) if claimed.len() == claim.seats.len() => {
                        let terms = (total, expires_at);
                        let response = claim::record(&mut tx, self.render, claim, terms).await?;
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
    claim: &Claim,
    fence: i64,
) -> Result<Vec<OffsetDateTime>, StorageError> {
    let rows = sqlx::query_scalar!(
        r#"with free as (
               select id from seats
               where id = any($1) and fence < $2 and booking_id is null and (held_until is null or held_until <= now())
                 and (select take_turn($5, $6))
               order by id for update)
           update seats set reservation_id = $3, held_until = now() + make_interval(secs => $4),
                            version = version + 1, fence = $2
           from free where seats.id = free.id
           returning held_until as "held_until!""#,
        &claim.seats.numbers(),
        fence,
        claim.id.0,
        f64::from(claim.ttl.seconds()),
        claim.request.user.0,
        claim.event.0
    )
    .fetch_all(connection)
    .await?;
    Ok(rows)
}
