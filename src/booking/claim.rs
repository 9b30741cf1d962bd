//! Claims on seats: what every strategy does alike around its own statement. Prices the seats before, and records the
//! reservation in the transaction that claimed them. Knows no strategy.

use time::OffsetDateTime;

use super::BookingError;
use super::answer::{KeyedRequest, Render};
use crate::domain::{
    Cents, EventId, HoldTtl, Holds, Refusal, Reservation, ReservationId, ReservationState, SeatId,
    SeatSet, StoredResponse, TicketLimit,
};
use crate::storage::bookings::{self, Sale};
use crate::storage::reservations::{self, Inserted};
use crate::storage::seats::SeatFacts;
use crate::storage::{Storage, StorageError, Tx};

/// What a strategy is asked for: all of these seats or none.
#[derive(Debug, Clone)]
pub struct Claim {
    /// A fresh id for the reservation.
    pub id: ReservationId,
    /// The seats' event.
    pub event: EventId,
    /// The seats.
    pub seats: SeatSet,
    /// How long to hold them.
    pub ttl: HoldTtl,
    /// What one user may hold of an event at a time.
    pub bounds: Holds,
    /// Who asks, under which key.
    pub request: KeyedRequest,
}

/// Refuses seats that are not the event's, and seats that are taken; returns the sum of the prices.
pub fn price(claim: &Claim, facts: &[SeatFacts]) -> Result<Cents, BookingError> {
    let of_event = |seat: &&SeatFacts| seat.event_id == claim.event.0;
    let known = |seat: &SeatId| facts.iter().filter(of_event).any(|fact| fact.id == seat.0);
    let unknown: Vec<SeatId> =
        claim.seats.ids().iter().copied().filter(|seat| !known(seat)).collect();
    if !unknown.is_empty() {
        return Err(Refusal::UnknownSeats(unknown).into());
    }
    let taken: Vec<SeatId> =
        facts.iter().filter(|fact| fact.taken).map(|fact| SeatId(fact.id)).collect();
    if !taken.is_empty() {
        return Err(Refusal::SeatsUnavailable(taken).into());
    }
    let prices: Option<Vec<Cents>> =
        facts.iter().map(|fact| Cents::new(fact.price_cents)).collect();
    let total = prices.and_then(Cents::sum).ok_or(StorageError::Impossible("price"))?;
    Ok(total)
}

/// Writes the reservation and the request's end into the transaction that claimed the seats: they become true together.
pub async fn record(
    tx: &mut Tx,
    render: Render,
    claim: &Claim,
    (total, expires_at): (Cents, OffsetDateTime),
) -> Result<StoredResponse, BookingError> {
    let KeyedRequest { user, ref key, hash } = claim.request;
    let reservation = Reservation {
        id: claim.id,
        event: claim.event,
        user,
        seats: claim.seats.clone(),
        state: ReservationState::Held,
        total,
        expires_at,
    };
    let response = (render.reservation)(&reservation);
    match reservations::insert(tx, &reservation, (key, hash), &response).await? {
        Inserted::Done { limit, held } => {
            keep_to_limits(tx, claim, limit, held).await?;
            Ok(response)
        }
        Inserted::KeyUsed => Err(BookingError::KeyUsed),
        Inserted::Refused(refusal) => Err(refusal.into()),
    }
}

/// Refuses a hold that takes its user past the event's limit of tickets, or past what one user may hold at a time. The user's
/// holds of the event take turns, from the statement that claims (`take_turn`) to their commits, so that each counts all
/// before it. Those whose time is over are ended first: one that is being paid for or extended in this moment, by somebody
/// who began in time, would be missing in the count and come true after it.
async fn keep_to_limits(
    tx: &mut Tx,
    claim: &Claim,
    limit: Option<TicketLimit>,
    held: Holds,
) -> Result<(), BookingError> {
    if limit.is_none() && claim.bounds.allow(held) {
        return Ok(());
    }
    let (user, event) = (claim.request.user, claim.event);
    reservations::expire_of_user(tx, user, event).await?;
    let (held, tickets) = reservations::count_of_user(tx, user, event).await?;
    if let Some(limit) = limit.filter(|limit| tickets > i64::from(limit.get())) {
        return Err(Refusal::TicketLimit(limit).into());
    }
    if claim.bounds.allow(held) { Ok(()) } else { Err(Refusal::HoldLimit(claim.bounds).into()) }
}

/// Sells seats that were held, if neither the hold nor the payment was lost to somebody else meanwhile: one conditional
/// statement, which needs no strategy to be safe.
pub async fn sell(storage: &Storage, sale: &Sale<'_>) -> Result<bool, StorageError> {
    storage
        .statement("sell", async |mut connection| bookings::sell(&mut connection, sale).await)
        .await
}
