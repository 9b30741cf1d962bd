//! `optimistic`: looks without a lock, then writes only where the version is still the one it saw. The loser of a race
//! looks again, a bounded number of times. Readers never wait; under contention most work is thrown away.

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{Strategy, StrategyEntry};
use crate::booking::BookingError;
use crate::booking::answer::Render;
use crate::booking::claim::{self, Claim};
use crate::domain::{Refusal, StoredResponse};
use crate::storage::bookings::Sale;
use crate::storage::seats::{self, SeatFacts};
use crate::storage::{Storage, StorageError, Tx};

/// Looks at most, the first included.
const LOOKS_MAX: u32 = 3;

/// The table's line.
pub const ENTRY: StrategyEntry = StrategyEntry {
    name: "optimistic",
    summary: "reads versions, then writes only where they are unchanged: no lock between the two",
    is_unsafe: false,
    needs: &[],
    open: |resources| {
        Arc::new(Optimistic { storage: resources.storage.clone(), render: resources.render })
    },
};

struct Optimistic {
    storage: Storage,
    render: Render,
}

#[async_trait]
impl Strategy for Optimistic {
    async fn hold(&self, claim: &Claim) -> Result<StoredResponse, BookingError> {
        for _ in 0..LOOKS_MAX {
            let facts = {
                let mut connection = self.storage.connection().await?;
                seats::read(&mut connection, &claim.seats).await?
            };
            match self.write(claim, &facts).await {
                Err(BookingError::Refused(Refusal::Contended)) => {
                    metrics::counter!("ticketctl_optimistic_conflicts_total").increment(1);
                }
                end => return end,
            }
        }
        Err(Refusal::Contended.into())
    }

    async fn sell(&self, sale: &Sale<'_>) -> Result<bool, StorageError> {
        claim::sell(&self.storage, sale).await
    }
}

impl Optimistic {
    async fn write(
        &self,
        claim: &Claim,
        facts: &[SeatFacts],
    ) -> Result<StoredResponse, BookingError> {
        let total = claim::price(claim, facts)?;
        self.storage
            .transaction("hold", async |mut tx: Tx| {
                let claimed = claim_at_version(&mut tx, claim, facts).await?;
                match claimed.first() {
                    Some(&expires_at) if claimed.len() == claim.seats.len() => {
                        let terms = (total, expires_at);
                        let response = claim::record(&mut tx, self.render, claim, terms).await?;
                        Ok((tx, response))
                    }
                    _ => Err(BookingError::Refused(Refusal::Contended)),
                }
            })
            .await
    }
}

/// One end of the hold for each seat whose version was still the one seen.
async fn claim_at_version(
    connection: &mut PgConnection,
    claim: &Claim,
    facts: &[SeatFacts],
) -> Result<Vec<OffsetDateTime>, StorageError> {
    let (ids, versions): (Vec<i64>, Vec<i64>) =
        facts.iter().map(|fact| (fact.id, fact.version)).unzip();
    let rows = sqlx::query_scalar!(
        r#"with seen as (
               select seats.id from seats join unnest($1::bigint[], $2::bigint[]) as saw (id, version)
                   on saw.id = seats.id and saw.version = seats.version
               where (select take_turn($5, $6))
               order by seats.id for update of seats)
           update seats set reservation_id = $3, held_until = now() + make_interval(secs => $4), version = version + 1
           from seen where seats.id = seen.id
           returning held_until as "held_until!""#,
        &ids,
        &versions,
        claim.id.0,
        f64::from(claim.ttl.seconds()),
        claim.request.user.0,
        claim.event.0
    )
    .fetch_all(connection)
    .await?;
    Ok(rows)
}
