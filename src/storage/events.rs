//! Events: reads, and the upsert that seeding needs.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::StorageError;
use crate::domain::EventId;

/// An event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// Its id.
    pub id: Uuid,
    /// Its title.
    pub title: String,
    /// Its venue.
    pub venue: String,
    /// When it starts.
    pub starts_at: OffsetDateTime,
}

/// Events after `after` in order of id, at most `limit`.
pub async fn list(
    connection: &mut PgConnection,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<EventRow>, StorageError> {
    let rows = sqlx::query_as!(
        EventRow,
        "select id, title, venue, starts_at from events where $1::uuid is null or id > $1 order by id limit $2",
        after,
        limit
    )
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// The event, if there is one.
pub async fn find(
    connection: &mut PgConnection,
    id: EventId,
) -> Result<Option<EventRow>, StorageError> {
    let row = sqlx::query_as!(
        EventRow,
        "select id, title, venue, starts_at from events where id = $1",
        id.0
    )
    .fetch_optional(connection)
    .await?;
    Ok(row)
}

/// Puts the event in, or brings the one with the same slug up to date; returns its id and whether it is new.
pub async fn upsert(
    connection: &mut PgConnection,
    slug: &str,
    event: &EventRow,
) -> Result<(EventId, bool), StorageError> {
    let row = sqlx::query!(
        r#"insert into events (id, slug, title, venue, starts_at) values ($1, $2, $3, $4, $5)
           on conflict (slug) do update
           set title = excluded.title, venue = excluded.venue, starts_at = excluded.starts_at
           returning id, (xmax = 0) as "is_new!""#,
        event.id,
        slug,
        event.title,
        event.venue,
        event.starts_at
    )
    .fetch_one(connection)
    .await?;
    Ok((EventId(row.id), row.is_new))
}
