//! What must not be in the database, one query a rule. Believes neither the schema nor the code that wrote it, and changes
//! nothing.

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use crate::storage::{StorageError, guard_index};

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
    /// The index that allows one live sale of a seat is gone.
    Unguarded,
    /// Two live sales of one seat.
    DoubleSell,
    /// A seat blocked by a reservation that is not live.
    OrphanedHold,
    /// A confirmed booking without a captured payment of its total.
    BookingWithoutPayment,
    /// A captured payment without a confirmed booking.
    PaymentWithoutBooking,
    /// A reservation or a booking whose total is not the sum of its seats' prices.
    WrongTotal,
    /// A user with more tickets of an event than it allows.
    TicketLimit,
    /// A confirmed booking or a live hold of a cancelled event.
    SoldAfterCancel,
}

impl FindingKind {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unguarded => "unguarded",
            Self::DoubleSell => "double sell",
            Self::OrphanedHold => "orphaned hold",
            Self::BookingWithoutPayment => "booking without payment",
            Self::PaymentWithoutBooking => "payment without booking",
            Self::WrongTotal => "wrong total",
            Self::TicketLimit => "ticket limit",
            Self::SoldAfterCancel => "sold after cancel",
        }
    }
}

/// How long after its end a hold may still stand as held, and after its event was cancelled a hold or a booking, before
/// it counts, in seconds: the jobs' time to come round.
const SWEEP_GRACE_SECONDS: f64 = 5.0;

/// Everything that must not be, in the order of [`FindingKind`].
pub async fn find(connection: &mut PgConnection) -> Result<Vec<Finding>, StorageError> {
    let found: [(FindingKind, Vec<String>); 8] = [
        (FindingKind::Unguarded, unguarded(connection).await?),
        (FindingKind::DoubleSell, double_sells(connection).await?),
        (FindingKind::OrphanedHold, orphaned_holds(connection).await?),
        (FindingKind::BookingWithoutPayment, bookings_without_payment(connection).await?),
        (FindingKind::PaymentWithoutBooking, payments_without_booking(connection).await?),
        (FindingKind::WrongTotal, wrong_totals(connection).await?),
        (FindingKind::TicketLimit, beyond_ticket_limit(connection).await?),
        (FindingKind::SoldAfterCancel, sold_after_cancel(connection).await?),
    ];
    let findings = found.into_iter().flat_map(|(kind, details)| {
        details.into_iter().map(move |detail| Finding { kind, detail })
    });
    Ok(findings.collect())
}

async fn unguarded(connection: &mut PgConnection) -> Result<Vec<String>, StorageError> {
    if guard_index::stands(connection).await? {
        return Ok(Vec::new());
    }
    let name = guard_index::NAME;
    Ok(vec![format!(
        "nothing keeps a seat from being sold twice: {name} is gone, `ticketctl migrate` puts it back"
    )])
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

async fn wrong_totals(connection: &mut PgConnection) -> Result<Vec<String>, StorageError> {
    let details = sqlx::query_scalar!(
        r#"select format('%s %s of user %s is over %s cents, and its seats cost %s', what, id, user_id, total_cents, cost)
                  as "detail!"
           from (select 'reservation' as what, id, user_id, total_cents, created_at,
                        (select sum(price_cents) from seats where seats.id = any (seat_ids)) as cost
                 from reservations
                 union all
                 select 'booking', id, user_id, total_cents, created_at,
                        (select sum(seats.price_cents) from booking_seats join seats on seats.id = seat_id
                         where booking_seats.booking_id = bookings.id)
                 from bookings where state = 'confirmed') as priced
           where total_cents is distinct from cost
           order by created_at, what desc"#
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
