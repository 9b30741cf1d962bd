//! What is under way at this moment, for whoever needs to know before and after it breaks something. Judges nothing.

use sqlx::PgConnection;
use uuid::Uuid;

use super::StorageError;

/// What is held and sold of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventSales {
    /// Holds that have not ended.
    pub holds: i64,
    /// Confirmed bookings.
    pub bookings: i64,
}

/// Live holds and confirmed bookings of an event.
pub async fn event_sales(
    connection: &mut PgConnection,
    event_id: Uuid,
) -> Result<EventSales, StorageError> {
    let sales = sqlx::query_as!(
        EventSales,
        r#"select
             (select count(*) from reservations where event_id = $1 and state = 'held' and expires_at > now()) as "holds!",
             (select count(*) from bookings where event_id = $1 and state = 'confirmed') as "bookings!""#,
        event_id
    )
    .fetch_one(connection)
    .await?;
    Ok(sales)
}

/// Transactions that the server of this application name has open. One that is merely being ended is seen as `active`
/// for a moment only.
pub async fn open_transactions(
    connection: &mut PgConnection,
    application_name: &str,
) -> Result<i64, StorageError> {
    let open = sqlx::query_scalar!(
        r#"select count(*) as "open!" from pg_stat_activity
           where application_name = $1 and xact_start is not null and state in ('idle in transaction', 'active')"#,
        application_name
    )
    .fetch_one(connection)
    .await?;
    Ok(open)
}

/// Payments for which a provider is being asked, or is about to be.
pub async fn payments_charging(connection: &mut PgConnection) -> Result<Vec<Uuid>, StorageError> {
    let ids = sqlx::query_scalar!("select id from payments where step = 'charging'")
        .fetch_all(connection)
        .await?;
    Ok(ids)
}
