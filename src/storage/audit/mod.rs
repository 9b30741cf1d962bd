//! What the database holds, read without changing anything: the judge's view. Knows nothing of the code that wrote it.

/// What must not be.
mod findings;
/// What is under way.
mod present;
/// States as words.
mod states;

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

pub use findings::{Finding, FindingKind};
pub use present::{EventSales, event_sales, open_transactions, payments_charging};
pub use states::{PaymentState, PaymentStep};

use super::{Storage, StorageError, StorageSettings, Tx};
use crate::domain::{BookingState, EventStatus, ReservationState};

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
    /// Every seat, by id.
    pub seats: Vec<SeatRow>,
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
    /// Where it stands.
    #[serde(with = "states")]
    pub state: BookingState,
    /// Total in cents.
    pub total_cents: i64,
    /// Its seats, sorted.
    pub seat_ids: Vec<i64>,
    /// The numbers of their tickets, in the order of the seats.
    pub tickets: Vec<String>,
    /// What each of them cost, in cents, in the order of the seats.
    pub ticket_cents: Vec<i64>,
    /// Those of the tickets that let somebody in, and when.
    pub used: Vec<UsedTicket>,
    /// When its payment was started.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When it was cancelled.
    #[serde(with = "time::serde::rfc3339::option")]
    pub cancelled_at: Option<OffsetDateTime>,
    /// Key of the request that made it.
    pub idempotency_key: String,
}

/// A ticket that let somebody in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedTicket {
    /// Its number.
    pub number: String,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
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
    /// Where it stands.
    #[serde(with = "states")]
    pub state: ReservationState,
    /// Its seats, sorted.
    pub seat_ids: Vec<i64>,
    /// Total in cents.
    pub total_cents: i64,
    /// End of the hold, database time.
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: OffsetDateTime,
    /// When it was asked for: `expires_at` is so much later as it was to last.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When it had its seats at the latest.
    #[serde(with = "time::serde::rfc3339::option")]
    pub claimed_at: Option<OffsetDateTime>,
    /// When it was made to last longer.
    #[serde(with = "time::serde::rfc3339::option")]
    pub extended_at: Option<OffsetDateTime>,
    /// When it was paid for, given up or expired.
    #[serde(with = "time::serde::rfc3339::option")]
    pub ended_at: Option<OffsetDateTime>,
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
    /// Who pays.
    pub user_id: Uuid,
    /// When it was started.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// Where it stands.
    #[serde(with = "states")]
    pub state: PaymentState,
    /// Where its saga stands.
    #[serde(with = "states")]
    pub step: PaymentStep,
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
    /// Where it stands.
    #[serde(with = "states")]
    pub status: EventStatus,
    /// Tickets one user may have, where limited.
    pub tickets_per_user_max: Option<i32>,
    /// When it was cancelled.
    #[serde(with = "time::serde::rfc3339::option")]
    pub cancelled_at: Option<OffsetDateTime>,
}

/// A seat, and who has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeatRow {
    /// Seat id.
    pub id: i64,
    /// Event.
    pub event_id: Uuid,
    /// Its price in cents.
    pub price_cents: i64,
    /// The reservation that holds it or held it until it was sold.
    pub reservation_id: Option<Uuid>,
    /// Until when that holds it.
    #[serde(with = "time::serde::rfc3339::option")]
    pub held_until: Option<OffsetDateTime>,
    /// The booking that bought it.
    pub booking_id: Option<Uuid>,
}

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
    read_from(&Storage::open(&StorageSettings::for_command(database_url))?).await
}

/// Reads everything in the database of `storage`, in one transaction.
pub async fn read_from(storage: &Storage) -> Result<Audit, StorageError> {
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
                seats: seats(&mut tx).await?,
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
        findings: findings::find(connection).await?,
    })
}

async fn events(connection: &mut PgConnection) -> Result<Vec<EventRow>, StorageError> {
    let rows = sqlx::query!(
        "select id, status::text as \"status!\", tickets_per_user_max, cancelled_at from events order by id"
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(EventRow {
                id: row.id,
                status: states::read(&row.status)?,
                tickets_per_user_max: row.tickets_per_user_max,
                cancelled_at: row.cancelled_at,
            })
        })
        .collect()
}

async fn bookings(connection: &mut PgConnection) -> Result<Vec<BookingRow>, StorageError> {
    let rows = sqlx::query!(
        r#"select id, reference, reservation_id, event_id, user_id, state::text as "state!", total_cents, idempotency_key,
                  created_at, cancelled_at,
                  array(select seat_id from booking_seats where booking_id = bookings.id order by seat_id) as "seat_ids!",
                  array(select ticket_number from booking_seats where booking_id = bookings.id order by seat_id) as "tickets!",
                  array(select price_cents from booking_seats where booking_id = bookings.id order by seat_id) as "ticket_cents!",
                  array(select ticket_number from booking_seats
                        where booking_id = bookings.id and checked_in_at is not null order by seat_id) as "used!",
                  array(select checked_in_at from booking_seats
                        where booking_id = bookings.id and checked_in_at is not null order by seat_id) as "used_at!"
           from bookings order by id"#
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(BookingRow {
                id: row.id,
                reference: row.reference,
                reservation_id: row.reservation_id,
                event_id: row.event_id,
                user_id: row.user_id,
                state: states::read(&row.state)?,
                total_cents: row.total_cents,
                seat_ids: row.seat_ids,
                tickets: row.tickets,
                ticket_cents: row.ticket_cents,
                used: std::iter::zip(row.used, row.used_at)
                    .map(|(number, at)| UsedTicket { number, at })
                    .collect(),
                created_at: row.created_at,
                cancelled_at: row.cancelled_at,
                idempotency_key: row.idempotency_key,
            })
        })
        .collect()
}

async fn reservations(connection: &mut PgConnection) -> Result<Vec<ReservationRow>, StorageError> {
    let rows = sqlx::query!(
        "select id, event_id, user_id, state::text as \"state!\", seat_ids, total_cents, expires_at, idempotency_key,
                created_at, claimed_at, extended_at, ended_at
         from reservations order by id"
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(ReservationRow {
                id: row.id,
                event_id: row.event_id,
                user_id: row.user_id,
                state: states::read(&row.state)?,
                seat_ids: row.seat_ids,
                total_cents: row.total_cents,
                expires_at: row.expires_at,
                created_at: row.created_at,
                claimed_at: row.claimed_at,
                extended_at: row.extended_at,
                ended_at: row.ended_at,
                idempotency_key: row.idempotency_key,
            })
        })
        .collect()
}

async fn payments(connection: &mut PgConnection) -> Result<Vec<PaymentRow>, StorageError> {
    let rows = sqlx::query!(
        "select id, reservation_id, user_id, created_at, state::text as \"state!\", step::text as \"step!\", amount_cents,
                idempotency_key
         from payments order by id"
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(PaymentRow {
                id: row.id,
                reservation_id: row.reservation_id,
                user_id: row.user_id,
                created_at: row.created_at,
                state: states::read(&row.state)?,
                step: states::read(&row.step)?,
                amount_cents: row.amount_cents,
                idempotency_key: row.idempotency_key,
            })
        })
        .collect()
}

async fn seats(connection: &mut PgConnection) -> Result<Vec<SeatRow>, StorageError> {
    let rows = sqlx::query_as!(
        SeatRow,
        "select id, event_id, price_cents, reservation_id, held_until, booking_id from seats order by id"
    )
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::Audit;

    #[test]
    fn an_audit_on_disk_reads_back_and_is_written_with_the_same_bytes() {
        let (one, two) =
            ("00000000-0000-0001-0000-000000000001", "00000000-0000-0001-0000-000000000002");
        let when = "2026-01-02T03:04:05Z";
        let text = format!(
            r#"{{"taken_at":"2026-01-02T03:04:05Z","seats_count":2,"seats_sold":1,"findings":[{{"kind":"double_sell","detail":"x"}}],"bookings":[{{"id":"{one}","reference":"R","reservation_id":"{two}","event_id":"{one}","user_id":"{two}","state":"confirmed","total_cents":5,"seat_ids":[1],"tickets":["T"],"ticket_cents":[5],"used":[{{"number":"T","at":"{when}"}}],"created_at":"{when}","cancelled_at":null,"idempotency_key":"k"}}],"reservations":[{{"id":"{two}","event_id":"{one}","user_id":"{two}","state":"expired","seat_ids":[1],"total_cents":5,"expires_at":"{when}","created_at":"{when}","claimed_at":"{when}","extended_at":null,"ended_at":null,"idempotency_key":"k"}}],"payments":[{{"id":"{one}","reservation_id":"{two}","user_id":"{two}","created_at":"{when}","state":"captured","step":"done","amount_cents":5,"idempotency_key":"k"}}],"events":[{{"id":"{one}","status":"published","tickets_per_user_max":null,"cancelled_at":null}}],"seats":[{{"id":1,"event_id":"{one}","price_cents":5,"reservation_id":null,"held_until":null,"booking_id":null}}]}}"#
        );
        let audit: Audit = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&audit).unwrap(), text);
        let wrong = text.replace("captured", "lost");
        let refusal = serde_json::from_str::<Audit>(&wrong).unwrap_err().to_string();
        assert!(refusal.contains("\"lost\" is no payment state"), "{refusal}");
    }
}
