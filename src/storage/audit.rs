//! What the database holds, read without changing anything: the judge's view. Knows nothing of the code that wrote it.

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Storage, StorageError, StorageSettings, Tx};

/// The database at one moment (one REPEATABLE READ transaction).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Audit {
    /// Database time of the reading.
    #[serde(with = "time::serde::rfc3339")]
    pub taken_at: OffsetDateTime,
    /// Seats in the database.
    pub seats_count: i64,
    /// Seats with at least one live sale.
    pub seats_sold: i64,
    /// Everything that must not be.
    pub findings: Vec<Finding>,
    /// Every booking, by id.
    pub bookings: Vec<BookingRow>,
    /// Every reservation, by id.
    pub reservations: Vec<ReservationRow>,
    /// Every payment, by id.
    pub payments: Vec<PaymentRow>,
    /// Every event, by id.
    pub events: Vec<EventRow>,
}

/// What an operator is told of a database.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Examination {
    /// Database time of the reading.
    #[serde(with = "time::serde::rfc3339")]
    pub taken_at: OffsetDateTime,
    /// Seats in the database.
    pub seats_count: i64,
    /// Seats with at least one live sale.
    pub seats_sold: i64,
    /// Everything that must not be.
    pub findings: Vec<Finding>,
}

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Which rule it breaks.
    pub kind: FindingKind,
    /// One line naming seat, bookings, users or payment.
    pub detail: String,
}

/// The rules that `audit` checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// Two live sales of one seat.
    DoubleSell,
    /// A seat blocked by a reservation that is not live.
    OrphanedHold,
    /// A confirmed booking without a captured payment of its total.
    BookingWithoutPayment,
    /// A captured payment without a confirmed booking.
    PaymentWithoutBooking,
    /// A user with more tickets of an event than it allows.
    TicketLimit,
    /// A confirmed booking or a live hold of an event that was called off.
    SoldAfterCancel,
}

impl FindingKind {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::DoubleSell => "double sell",
            Self::OrphanedHold => "orphaned hold",
            Self::BookingWithoutPayment => "booking without payment",
            Self::PaymentWithoutBooking => "payment without booking",
            Self::TicketLimit => "ticket limit",
            Self::SoldAfterCancel => "sold after cancel",
        }
    }
}

/// A booking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookingRow {
    /// Booking id.
    pub id: Uuid,
    /// Reference.
    pub reference: String,
    /// The reservation it was made from.
    pub reservation_id: Uuid,
    /// Event.
    pub event_id: Uuid,
    /// Owner.
    pub user_id: Uuid,
    /// `pending`, `confirmed`, `cancelled` or `expired`.
    pub state: String,
    /// Total in cents.
    pub total_cents: i64,
    /// Its seats, sorted.
    pub seat_ids: Vec<i64>,
    /// Key of the request that made it.
    pub idempotency_key: String,
}

/// A reservation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservationRow {
    /// Reservation id.
    pub id: Uuid,
    /// Event.
    pub event_id: Uuid,
    /// Owner.
    pub user_id: Uuid,
    /// `held`, `confirmed`, `cancelled` or `expired`.
    pub state: String,
    /// Its seats, sorted.
    pub seat_ids: Vec<i64>,
    /// End of the hold, database time.
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: OffsetDateTime,
    /// Key of the request that made it.
    pub idempotency_key: String,
}

/// A payment as the server knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentRow {
    /// Payment id; the provider knows it by the same.
    pub id: Uuid,
    /// The reservation paid for.
    pub reservation_id: Uuid,
    /// `pending`, `captured`, `failed` or `refunded`.
    pub state: String,
    /// `charging`, `refunding` or `done`: where its saga stands.
    pub step: String,
    /// Amount in cents.
    pub amount_cents: i64,
    /// Key of the request that made it.
    pub idempotency_key: String,
}

/// An event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRow {
    /// Event id.
    pub id: Uuid,
    /// `draft`, `published`, `cancelled` or `completed`.
    pub status: String,
    /// Tickets one user may have, where limited.
    pub tickets_per_user_max: Option<i32>,
}

/// How long after its end a hold may still stand as held, and after its event was called off a hold or a booking, before
/// it counts, in seconds: the jobs' time to come round.
const SWEEP_GRACE_SECONDS: f64 = 5.0;

/// Examines the database of `storage` in one transaction.
pub async fn examine(storage: &Storage) -> Result<Examination, StorageError> {
    storage
        .transaction("examine", async |mut tx: Tx| {
            let examination = examine_within(&mut tx).await?;
            Ok::<_, StorageError>((tx, examination))
        })
        .await
}

/// Reads everything in the database at this URL, in one transaction.
pub async fn read(database_url: &str) -> Result<Audit, StorageError> {
    let storage = Storage::open(&StorageSettings::for_command(database_url))?;
    storage
        .transaction("audit", async |mut tx: Tx| {
            let Examination { taken_at, seats_count, seats_sold, findings } =
                examine_within(&mut tx).await?;
            let audit = Audit {
                taken_at,
                seats_count,
                seats_sold,
                findings,
                bookings: bookings(&mut tx).await?,
                reservations: reservations(&mut tx).await?,
                payments: payments(&mut tx).await?,
                events: events(&mut tx).await?,
            };
            Ok::<_, StorageError>((tx, audit))
        })
        .await
}

async fn examine_within(connection: &mut PgConnection) -> Result<Examination, StorageError> {
    sqlx::query!("set transaction isolation level repeatable read, read only")
        .execute(&mut *connection)
        .await?;
    let clock = sqlx::query!(
        r#"select now() as "now!", count(*) as "seats!",
                  (select count(distinct seat_id) from booking_seats where live) as "sold!" from seats"#
    )
    .fetch_one(&mut *connection)
    .await?;
    Ok(Examination {
        taken_at: clock.now,
        seats_count: clock.seats,
        seats_sold: clock.sold,
        findings: findings(connection).await?,
    })
}

/// Everything that must not be, in the order of [`FindingKind`].
async fn findings(connection: &mut PgConnection) -> Result<Vec<Finding>, StorageError> {
    let found: [(FindingKind, Vec<String>); 6] = [
        (FindingKind::DoubleSell, double_sells(connection).await?),
        (FindingKind::OrphanedHold, orphaned_holds(connection).await?),
        (FindingKind::BookingWithoutPayment, bookings_without_payment(connection).await?),
        (FindingKind::PaymentWithoutBooking, payments_without_booking(connection).await?),
        (FindingKind::TicketLimit, beyond_ticket_limit(connection).await?),
        (FindingKind::SoldAfterCancel, sold_after_cancel(connection).await?),
    ];
    let findings = found.into_iter().flat_map(|(kind, details)| {
        details.into_iter().map(move |detail| Finding { kind, detail })
    });
    Ok(findings.collect())
}

async fn double_sells(connection: &mut PgConnection) -> Result<Vec<String>, StorageError> {
    let details = sqlx::query_scalar!(
        r#"select format('seat %s (%s, row %s, number %s) was sold %s times: %s', seats.id, section, row_label, number,
                         count(*), string_agg(format('booking %s to user %s', reference, user_id), ', '
                                              order by bookings.created_at)) as "detail!"
           from booking_seats
           join bookings on bookings.id = booking_id
           join seats on seats.id = seat_id
           where live and state in ('pending', 'confirmed')
           group by seats.id having count(*) > 1 order by seats.id"#
    )
    .fetch_all(connection)
    .await?;
    Ok(details)
}

async fn orphaned_holds(connection: &mut PgConnection) -> Result<Vec<String>, StorageError> {
    let details = sqlx::query_scalar!(
        r#"select format('seat %s is claimed by reservation %s, which %s', seats.id, seats.reservation_id,
                         case when reservations.id is null then 'does not exist'
                              when state = 'held' then format('ended at %s and was never expired', expires_at)
                              else 'is ' || state end) as "detail!"
           from seats left join reservations on reservations.id = seats.reservation_id
           where seats.booking_id is null and seats.reservation_id is not null
             and (reservations.id is null or state <> 'held' or expires_at < now() - make_interval(secs => $1))
           order by seats.id"#,
        SWEEP_GRACE_SECONDS
    )
    .fetch_all(connection)
    .await?;
    Ok(details)
}

async fn bookings_without_payment(
    connection: &mut PgConnection,
) -> Result<Vec<String>, StorageError> {
    let details = sqlx::query_scalar!(
        r#"select format('booking %s of user %s over %s cents has no captured payment of that sum', reference,
                         bookings.user_id, total_cents) as "detail!"
           from bookings
           where state = 'confirmed' and not exists (
               select from payments
               where payments.reservation_id = bookings.reservation_id and payments.state = 'captured'
                 and amount_cents = total_cents)
           order by bookings.created_at"#
    )
    .fetch_all(connection)
    .await?;
    Ok(details)
}

async fn payments_without_booking(
    connection: &mut PgConnection,
) -> Result<Vec<String>, StorageError> {
    let details = sqlx::query_scalar!(
        r#"select format('payment %s of user %s over %s cents was captured and has no confirmed booking', payments.id,
                         payments.user_id, amount_cents) as "detail!"
           from payments
           where state = 'captured' and step = 'done' and not exists (
               select from bookings
               where bookings.reservation_id = payments.reservation_id and bookings.state = 'confirmed')
           order by payments.created_at"#
    )
    .fetch_all(connection)
    .await?;
    Ok(details)
}

async fn beyond_ticket_limit(connection: &mut PgConnection) -> Result<Vec<String>, StorageError> {
    let details = sqlx::query_scalar!(
        r#"select format('user %s has %s tickets of event %s, which allows %s', reservations.user_id,
                         sum(cardinality(seat_ids)), events.id, tickets_per_user_max) as "detail!"
           from reservations
           join events on events.id = reservations.event_id
           left join bookings on bookings.reservation_id = reservations.id
           where tickets_per_user_max is not null
             and (bookings.state = 'confirmed' or (reservations.state = 'held' and expires_at > now()))
           group by events.id, reservations.user_id
           having sum(cardinality(seat_ids)) > tickets_per_user_max
           order by events.id, reservations.user_id"#
    )
    .fetch_all(connection)
    .await?;
    Ok(details)
}

async fn sold_after_cancel(connection: &mut PgConnection) -> Result<Vec<String>, StorageError> {
    let details = sqlx::query_scalar!(
        r#"select format('reservation %s of user %s is %s, and its event %s was cancelled at %s', reservations.id,
                         reservations.user_id,
                         case when bookings.id is null then 'live' else 'booked as ' || reference end,
                         events.id, events.cancelled_at) as "detail!"
           from events
           join reservations on reservations.event_id = events.id
           left join bookings on bookings.reservation_id = reservations.id and bookings.state = 'confirmed'
           where status = 'cancelled' and events.cancelled_at < now() - make_interval(secs => $1)
             and (bookings.id is not null or (reservations.state = 'held' and expires_at > now()))
           order by reservations.created_at"#,
        SWEEP_GRACE_SECONDS
    )
    .fetch_all(connection)
    .await?;
    Ok(details)
}

async fn events(connection: &mut PgConnection) -> Result<Vec<EventRow>, StorageError> {
    let rows = sqlx::query_as!(
        EventRow,
        "select id, status::text as \"status!\", tickets_per_user_max from events order by id"
    )
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

async fn bookings(connection: &mut PgConnection) -> Result<Vec<BookingRow>, StorageError> {
    let rows = sqlx::query_as!(
        BookingRow,
        r#"select id, reference, reservation_id, event_id, user_id, state::text as "state!", total_cents, idempotency_key,
                  array(select seat_id from booking_seats where booking_id = bookings.id order by seat_id) as "seat_ids!"
           from bookings order by id"#
    )
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

async fn reservations(connection: &mut PgConnection) -> Result<Vec<ReservationRow>, StorageError> {
    let rows = sqlx::query_as!(
        ReservationRow,
        "select id, event_id, user_id, state::text as \"state!\", seat_ids, expires_at, idempotency_key
         from reservations order by id"
    )
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

async fn payments(connection: &mut PgConnection) -> Result<Vec<PaymentRow>, StorageError> {
    let rows = sqlx::query_as!(
        PaymentRow,
        "select id, reservation_id, state::text as \"state!\", step::text as \"step!\", amount_cents, idempotency_key
         from payments order by id"
    )
    .fetch_all(connection)
    .await?;
    Ok(rows)
}
