//! Events: what is prepared, found and edited. Whether an event may be edited is its organizer's and the domain's matter.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::StorageError;
use crate::domain::{Admission, EventId, EventStatus, Refusal, TicketLimit, UserId};

/// An event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its id.
    pub id: EventId,
    /// Its title.
    pub title: String,
    /// Its venue.
    pub venue: String,
    /// What a visitor should know.
    pub description: String,
    /// When it starts.
    pub starts_at: OffsetDateTime,
    /// Until when it is sold; to its start, where it doesn't say.
    pub sales_end_at: Option<OffsetDateTime>,
    /// Who runs it; nobody, where it was seeded.
    pub organizer: Option<UserId>,
    /// How it admits.
    pub admission: Admission,
    /// Where it stands.
    pub status: EventStatus,
    /// Tickets one user may have.
    pub tickets_per_user: Option<TicketLimit>,
    /// Grows with every edit.
    pub version: i64,
}

struct Row {
    id: Uuid,
    title: String,
    venue: String,
    description: String,
    starts_at: OffsetDateTime,
    sales_end_at: Option<OffsetDateTime>,
    organizer_id: Option<Uuid>,
    admission: String,
    status: String,
    tickets_per_user_max: Option<i32>,
    version: i64,
}

impl TryFrom<Row> for Event {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        let limit = row.tickets_per_user_max.map(TicketLimit::new).transpose();
        Ok(Self {
            id: EventId(row.id),
            title: row.title,
            venue: row.venue,
            description: row.description,
            starts_at: row.starts_at,
            sales_end_at: row.sales_end_at,
            organizer: row.organizer_id.map(UserId),
            admission: Admission::parse(&row.admission)
                .ok_or(StorageError::Impossible("event admission"))?,
            status: EventStatus::parse(&row.status)
                .ok_or(StorageError::Impossible("event status"))?,
            tickets_per_user: limit.map_err(|_range| StorageError::Impossible("ticket limit"))?,
            version: row.version,
        })
    }
}

/// Which events, and where in their order a page begins.
#[derive(Debug, Clone)]
pub struct EventFilter {
    /// In this status.
    pub status: EventStatus,
    /// Run by this user.
    pub organizer: Option<UserId>,
    /// Starting then or later.
    pub from: Option<OffsetDateTime>,
    /// Starting before.
    pub to: Option<OffsetDateTime>,
    /// At this venue, whatever its case.
    pub venue: Option<String>,
    /// With a seat at this price or above, in cents.
    pub price_min: Option<i64>,
    /// With a seat at this price or below, in cents.
    pub price_max: Option<i64>,
    /// With these words in title or venue, or others that begin so, as in a search box.
    pub text: Option<String>,
    /// After the event that starts then and has this id.
    pub after: Option<(OffsetDateTime, Uuid)>,
    /// So many at most.
    pub limit: i64,
}

/// Events in the order of their start.
pub async fn list(
    connection: &mut PgConnection,
    filter: &EventFilter,
) -> Result<Vec<Event>, StorageError> {
    let (after_start, after_id) = filter.after.unzip();
    let rows = sqlx::query_as!(
        Row,
        r#"select id, title, venue, description, starts_at, sales_end_at, organizer_id,
                  admission::text as "admission!", status::text as "status!", tickets_per_user_max, version
           from events
           where deleted_at is null and status = $1::text::event_status
             and ($2::uuid is null or organizer_id = $2)
             and ($3::timestamptz is null or starts_at >= $3)
             and ($4::timestamptz is null or starts_at < $4)
             and ($5::text is null or lower(venue) = lower($5))
             and (($6::bigint is null and $7::bigint is null) or exists (
                 select from seats where seats.event_id = events.id
                   and price_cents >= coalesce($6, 0) and ($7 is null or price_cents <= $7)))
             and ($8::text is null or search @@ (
                 -- A query writes its words in quotes; each becomes a prefix.
                 select regexp_replace(websearch_to_tsquery('simple', $8)::text, '''(([^'']|'''')*)''', '''\1'':*', 'g')
                     ::tsquery))
             and ($9::timestamptz is null or (starts_at, id) > ($9, $10::uuid))
           order by starts_at, id limit $11"#,
        filter.status.name(),
        filter.organizer.map(|user| user.0),
        filter.from,
        filter.to,
        filter.venue,
        filter.price_min,
        filter.price_max,
        filter.text,
        after_start,
        after_id,
        filter.limit
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(Event::try_from).collect()
}

/// The event, unless it was deleted.
pub async fn find(
    connection: &mut PgConnection,
    id: EventId,
) -> Result<Option<Event>, StorageError> {
    let row = sqlx::query_as!(
        Row,
        r#"select id, title, venue, description, starts_at, sales_end_at, organizer_id,
                  admission::text as "admission!", status::text as "status!", tickets_per_user_max, version
           from events where id = $1 and deleted_at is null"#,
        id.0
    )
    .fetch_optional(connection)
    .await?;
    row.map(Event::try_from).transpose()
}

/// Puts a new draft in.
pub async fn insert(connection: &mut PgConnection, event: &Event) -> Result<(), StorageError> {
    sqlx::query!(
        "insert into events (id, slug, title, venue, description, starts_at, organizer_id, admission, status,
                             tickets_per_user_max, version, sales_end_at)
         values ($1, $1::uuid::text, $2, $3, $4, $5, $6, $7::text::event_admission, $8::text::event_status, $9, $10, $11)",
        event.id.0,
        event.title,
        event.venue,
        event.description,
        event.starts_at,
        event.organizer.map(|user| user.0),
        event.admission.name(),
        event.status.name(),
        event.tickets_per_user.map(TicketLimit::get),
        event.version,
        event.sales_end_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Why nothing of the event can be held, by the database's clock; `None` while it is on sale.
pub async fn why_not_on_sale(
    connection: &mut PgConnection,
    id: EventId,
) -> Result<Option<Refusal>, StorageError> {
    let row = sqlx::query!(
        r#"select status::text as "status!", coalesce(sales_end_at, starts_at) as "sales_end_at!",
                  coalesce(sales_end_at, starts_at) <= now() as "is_over!"
           from events where id = $1 and deleted_at is null"#,
        id.0
    )
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(Some(Refusal::NotFound("event"))) };
    let status = EventStatus::parse(&row.status).ok_or(StorageError::Impossible("event status"))?;
    Ok(Refusal::of_sale(status, row.sales_end_at, row.is_over))
}

/// The event's status where that means that nothing of it is sold; `None` while it is on sale, or doesn't exist.
pub async fn off_sale(
    connection: &mut PgConnection,
    id: EventId,
) -> Result<Option<EventStatus>, StorageError> {
    let event = find(connection, id).await?;
    Ok(event.map(|event| event.status).filter(|status| *status != EventStatus::Published))
}

/// Writes an event over the version that was read, and counts the version up; false when somebody else was quicker.
pub async fn update(connection: &mut PgConnection, event: &Event) -> Result<bool, StorageError> {
    let done = sqlx::query!(
        "update events
         set title = $3, venue = $4, description = $5, starts_at = $6, status = $7::text::event_status,
             tickets_per_user_max = $8, sales_end_at = $9, version = version + 1,
             cancelled_at = case when $7 = 'cancelled' then coalesce(cancelled_at, now()) end
         where id = $1 and version = $2 and deleted_at is null",
        event.id.0,
        event.version,
        event.title,
        event.venue,
        event.description,
        event.starts_at,
        event.status.name(),
        event.tickets_per_user.map(TicketLimit::get),
        event.sales_end_at
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Counts the version up, for a change of the event's seats; false when somebody else was quicker.
pub async fn touch(
    connection: &mut PgConnection,
    id: EventId,
    version: i64,
) -> Result<bool, StorageError> {
    let done = sqlx::query!(
        "update events set version = version + 1 where id = $1 and version = $2 and deleted_at is null",
        id.0,
        version
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Hides an event; false when somebody else changed it meanwhile.
pub async fn delete(
    connection: &mut PgConnection,
    id: EventId,
    version: i64,
) -> Result<bool, StorageError> {
    let done = sqlx::query!(
        "update events set deleted_at = now(), version = version + 1
         where id = $1 and version = $2 and deleted_at is null",
        id.0,
        version
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Puts a seeded event in, on sale, or brings the one with the same slug up to date; returns its id and whether it is new.
pub async fn upsert(
    connection: &mut PgConnection,
    slug: &str,
    event: &Event,
) -> Result<(EventId, bool), StorageError> {
    let row = sqlx::query!(
        r#"insert into events (id, slug, title, venue, starts_at, admission, status, tickets_per_user_max, organizer_id,
                               sales_end_at)
           values ($1, $2, $3, $4, $5, $6::text::event_admission, $7::text::event_status, $8, $9, $10)
           on conflict (slug) do update
           set title = excluded.title, venue = excluded.venue, starts_at = excluded.starts_at,
               sales_end_at = excluded.sales_end_at,
               organizer_id = coalesce(excluded.organizer_id, events.organizer_id)
           returning id, (xmax = 0) as "is_new!""#,
        event.id.0,
        slug,
        event.title,
        event.venue,
        event.starts_at,
        event.admission.name(),
        event.status.name(),
        event.tickets_per_user.map(TicketLimit::get),
        event.organizer.map(|user| user.0),
        event.sales_end_at
    )
    .fetch_one(connection)
    .await?;
    Ok((EventId(row.id), row.is_new))
}
