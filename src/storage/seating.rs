//! Seats as an organizer makes them and as general admission picks them. General admission has seats, too, one a ticket,
//! in a section of its own: so whatever protects a seat protects the last ticket.

use sqlx::PgConnection;

use super::StorageError;
use crate::domain::{EventId, Quantity};

/// The section of tickets without a place.
pub const GENERAL_SECTION: &str = "GA";

/// Makes an event's tickets without a place.
pub async fn insert_general(
    connection: &mut PgConnection,
    event: EventId,
    quantity: i32,
    price_cents: i64,
) -> Result<(), StorageError> {
    sqlx::query!(
        "insert into seats (event_id, section, row_label, number, price_cents)
         select $1, $4, '', number, $3 from generate_series(1, $2::int) as number",
        event.0,
        quantity,
        price_cents,
        GENERAL_SECTION
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes all of a draft's seats away.
pub async fn clear(connection: &mut PgConnection, event: EventId) -> Result<(), StorageError> {
    sqlx::query!("delete from seats where event_id = $1", event.0).execute(connection).await?;
    Ok(())
}

/// Tickets without a place that are free, `quantity` at most, from a place in the row that is `fraction` (0 to 1) of its
/// length: buyers who look at different places seldom meet. Nothing is locked: a strategy decides who gets them.
pub async fn pick_general(
    connection: &mut PgConnection,
    event: EventId,
    quantity: Quantity,
    fraction: f64,
) -> Result<Vec<i64>, StorageError> {
    let seats = sqlx::query_scalar!(
        r#"with house as (
               select floor($3::float8 * number)::int as start from seats
               where event_id = $1 and section = $4 and row_label = '' order by number desc limit 1),
           ahead as (
               select id from seats, house
               where event_id = $1 and section = $4 and row_label = '' and number > house.start
                 and booking_id is null and (held_until is null or held_until <= now())
               order by number limit $2),
           behind as (
               select id from seats, house
               where event_id = $1 and section = $4 and row_label = '' and number <= house.start
                 and booking_id is null and (held_until is null or held_until <= now())
               order by number limit $2)
           select id as "id!" from (select id from ahead union all select id from behind) as free limit $2"#,
        event.0,
        i64::from(quantity.get()),
        fraction,
        GENERAL_SECTION
    )
    .fetch_all(connection)
    .await?;
    Ok(seats)
}
