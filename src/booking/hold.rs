//! Holding seats: all of them or none, for one user, until a moment of the database's clock.

use time::OffsetDateTime;

use super::replay::{self, KeyedRequest};
use super::{Answer, BookingError, Desk};
use crate::domain::{
    Cents, EventId, HoldTtl, Refusal, Reservation, ReservationId, ReservationState, SeatId, SeatSet,
};
use crate::storage::seats::SeatFacts;
use crate::storage::{StorageError, Tx, reservations};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct HoldOrder {
    /// A fresh id for the reservation.
    pub id: ReservationId,
    /// The seats' event.
    pub event: EventId,
    /// The seats.
    pub seats: SeatSet,
    /// How long to hold them.
    pub ttl: HoldTtl,
    /// Who asks, under which key.
    pub request: KeyedRequest,
}

/// Holds the seats, or says why not.
///
/// The key is not looked up in the database first. A first request has no record, and a repeated one can't get past
/// its own seats or past the record's primary key; so only a request that fails asks whether it succeeded before.
pub async fn hold(desk: &Desk, order: &HoldOrder) -> Result<Answer, BookingError> {
    if let Some(answer) = replay::cached(desk, &order.request).await? {
        return Ok(answer);
    }
    let answer = match desk.strategy.hold(desk, order).await {
        Ok(response) => Answer::new(response),
        Err(BookingError::KeyUsed) => {
            replay::recorded(desk, &order.request).await?.ok_or(Refusal::InProgress)?
        }
        Err(BookingError::Refused(refusal)) => {
            replay::recorded(desk, &order.request).await?.ok_or(refusal)?
        }
        Err(error) => return Err(error),
    };
    replay::remember(desk, &order.request, &answer).await;
    Ok(answer)
}

/// Refuses seats that are not the event's, and seats that are taken; returns the sum of the prices.
pub fn price(order: &HoldOrder, facts: &[SeatFacts]) -> Result<Cents, BookingError> {
    let of_event = |seat: &&SeatFacts| seat.event_id == order.event.0;
    let known = |seat: &SeatId| facts.iter().filter(of_event).any(|fact| fact.id == seat.0);
    let unknown: Vec<SeatId> =
        order.seats.ids().iter().copied().filter(|seat| !known(seat)).collect();
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
    desk: &Desk,
    tx: &mut Tx,
    order: &HoldOrder,
    total: Cents,
    expires_at: OffsetDateTime,
) -> Result<crate::domain::StoredResponse, BookingError> {
    let KeyedRequest { user, ref key, hash } = order.request;
    let reservation = Reservation {
        id: order.id,
        event: order.event,
        user,
        seats: order.seats.clone(),
        state: ReservationState::Held,
        total,
        expires_at,
    };
    let response = (desk.render.reservation)(&reservation);
    if reservations::insert(tx, &reservation, (key, hash), &response).await? {
        Ok(response)
    } else {
        Err(BookingError::KeyUsed)
    }
}
