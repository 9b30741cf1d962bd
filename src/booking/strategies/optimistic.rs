//! `optimistic`: looks without a lock, then writes only where the version is still the one it saw. The loser of a race
//! looks again, a bounded number of times. Readers never wait; under contention most work is thrown away.

use async_trait::async_trait;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::Strategy;
use crate::booking::hold::{self, HoldOrder};
use crate::booking::{BookingError, Context};
use crate::domain::{Refusal, StoredResponse};
use crate::storage::seats::{self, SeatFacts};
use crate::storage::{StorageError, Tx};

/// Looks at most, the first included.
const LOOKS_MAX: u32 = 3;

/// The strategy.
#[derive(Debug)]
pub struct Optimistic;

#[async_trait]
impl Strategy for Optimistic {
    fn name(&self) -> &'static str {
        "optimistic"
    }

    fn summary(&self) -> &'static str {
        "reads versions, then writes only where they are unchanged: no lock between the two"
    }

    async fn hold(
        &self,
        context: &Context,
        order: &HoldOrder,
    ) -> Result<StoredResponse, BookingError> {
        for _ in 0..LOOKS_MAX {
            let facts = {
                let mut connection = context.storage.connection().await?;
                seats::read(&mut connection, &order.seats).await?
            };
            match write(context, order, &facts).await {
                Err(BookingError::Refused(Refusal::Contended)) => {
                    metrics::counter!("ticketctl_optimistic_conflicts_total").increment(1);
                }
                end => return end,
            }
        }
        Err(Refusal::Contended.into())
    }
}

async fn write(
    context: &Context,
    order: &HoldOrder,
    facts: &[SeatFacts],
) -> Result<StoredResponse, BookingError> {
    let total = hold::price(order, facts)?;
    context
        .storage
        .transaction("hold", async |mut tx: Tx| {
            let claimed = claim_at_version(&mut tx, order, facts).await?;
            match claimed.first() {
                Some(&expires_at) if claimed.len() == order.seats.len() => {
                    let response = hold::record(context, &mut tx, order, total, expires_at).await?;
                    Ok((tx, response))
                }
                _ => Err(BookingError::Refused(Refusal::Contended)),
            }
        })
        .await
}

/// One end of the hold for each seat whose version was still the one seen.
async fn claim_at_version(
    connection: &mut PgConnection,
    order: &HoldOrder,
    facts: &[SeatFacts],
) -> Result<Vec<OffsetDateTime>, StorageError> {
    let (ids, versions): (Vec<i64>, Vec<i64>) =
        facts.iter().map(|fact| (fact.id, fact.version)).unzip();
    let rows = sqlx::query_scalar!(
        r#"with seen as (
               select seats.id from seats join unnest($1::bigint[], $2::bigint[]) as saw (id, version)
                   on saw.id = seats.id and saw.version = seats.version
               order by seats.id for update of seats)
           update seats set reservation_id = $3, held_until = now() + make_interval(secs => $4), version = version + 1
           from seen where seats.id = seen.id
           returning held_until as "held_until!""#,
        &ids,
        &versions,
        order.id.0,
        f64::from(order.ttl.seconds())
    )
    .fetch_all(connection)
    .await?;
    Ok(rows)
}
