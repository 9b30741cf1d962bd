//! Seats: reads. A seat is free when nobody bought it and nobody holds it
//! past this moment of the database's clock; that sentence stands here and in the strategies' own statements.

use sqlx::PgConnection;
use uuid::Uuid;

use super::StorageError;
use crate::domain::{EventId, SeatSet};

/// What a strategy decides by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeatFacts {
    /// The seat.
    pub id: i64,
    /// Its event.
    pub event_id: Uuid,
    /// Its price.
    pub price_cents: i64,
    /// Claims made on it so far.
    pub version: i64,
    /// Somebody holds it or has bought it.
    pub taken: bool,
}

/// A seat as a buyer sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeatRow {
    /// The seat.
    pub id: i64,
    /// Section of the venue.
    pub section: String,
    /// Row within the section.
    pub row_label: String,
    /// Number within the row.
    pub number: i32,
    /// Its price.
    pub price_cents: i64,
    /// A live reservation holds it.
    pub held: bool,
    /// It is booked.
    pub sold: bool,
}

/// Seats of an event by what can be done with them; counted for this answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeatCounts {
    /// All.
    pub total: i64,
    /// Under a live reservation.
    pub held: i64,
    /// Booked.
    pub sold: i64,
}

/// The seats as they stand, without a lock: out of date as soon as it is read.
pub async fn read(
    connection: &mut PgConnection,
    seats: &SeatSet,
) -> Result<Vec<SeatFacts>, StorageError> {
    let rows = sqlx::query_as!(
        SeatFacts,
        r#"select id, event_id, price_cents, version,
                  (booking_id is not null or coalesce(held_until > now(), false)) as "taken!"
           from seats where id = any($1) order by id"#,
        &seats.numbers()
    )
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// Seats of an event after `after` in order of id, at most `limit`.
pub async fn list(
    connection: &mut PgConnection,
    event: EventId,
    after: i64,
    limit: i64,
) -> Result<Vec<SeatRow>, StorageError> {
    let rows = sqlx::query_as!(
        SeatRow,
        r#"select id, section, row_label, number, price_cents,
                  (booking_id is null and coalesce(held_until > now(), false)) as "held!",
                  (booking_id is not null) as "sold!"
           from seats where event_id = $1 and id > $2 order by id limit $3"#,
        event.0,
        after,
        limit
    )
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// Counts the seats of each of these events, in their order.
pub async fn count(
    connection: &mut PgConnection,
    events: &[EventId],
) -> Result<Vec<SeatCounts>, StorageError> {
    let ids: Vec<Uuid> = events.iter().map(|event| event.0).collect();
    let counts = sqlx::query_as!(
        SeatCounts,
        r#"select total as "total!", held as "held!", sold as "sold!"
           from unnest($1::uuid[]) with ordinality as asked (id, place),
                lateral (
                    select count(*) as total,
                           count(*) filter (where booking_id is null and held_until > now()) as held,
                           count(booking_id) as sold
                    from seats where event_id = asked.id) as counted
           order by place"#,
        &ids
    )
    .fetch_all(connection)
    .await?;
    Ok(counts)
}
