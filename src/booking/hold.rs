//! Holding seats: all of them or none, for one user, until a moment of the database's clock.

use time::OffsetDateTime;

use super::replay::{self, KeyedRequest};
use super::{Answer, BookingError, Context};
use crate::domain::{
    Admission, Cents, EventId, EventStatus, HoldTtl, Quantity, Refusal, Reservation, ReservationId,
    ReservationState, SeatId, SeatSet, StoredResponse, TicketLimit, Wanted,
};
use crate::storage::reservations::Recorded;
use crate::storage::seats::SeatFacts;
use crate::storage::{StorageError, Tx, events, reservations, seating};

/// What a strategy is asked for.
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

/// What a buyer asks for, before anybody knows which seats it comes to.
#[derive(Debug, Clone)]
pub struct HoldRequest {
    /// A fresh id for the reservation.
    pub id: ReservationId,
    /// The event.
    pub event: EventId,
    /// Seats, or a number of tickets.
    pub wanted: Wanted,
    /// How long to hold them.
    pub ttl: HoldTtl,
    /// Who asks, under which key.
    pub request: KeyedRequest,
}

impl HoldRequest {
    fn for_seats(&self, seats: SeatSet) -> HoldOrder {
        let Self { id, event, ttl, ref request, .. } = *self;
        HoldOrder { id, event, seats, ttl, request: request.clone() }
    }
}

/// How often tickets without a place are looked for: others may be quicker each time.
const PICKS_MAX: u32 = 8;

/// Holds the seats, or says why not.
///
/// The key is not looked up in the database first. A first request has no record, and a repeated one can't get past
/// its own seats or past the record's primary key; so only a request that fails learns what the key came to before.
pub async fn hold(context: &Context, wish: &HoldRequest) -> Result<Answer, BookingError> {
    if let Some(answer) = replay::cached(context, &wish.request).await? {
        return Ok(answer);
    }
    let held = match &wish.wanted {
        Wanted::Seats(seats) => {
            context.strategy.hold(context, &wish.for_seats(seats.clone())).await
        }
        Wanted::Any(quantity) => hold_any(context, wish, *quantity).await,
    };
    let answer = match held {
        Ok(response) => {
            metrics::counter!("ticketctl_holds_granted_total").increment(1);
            Answer::new(response)
        }
        Err(BookingError::KeyUsed) => {
            replay::recorded(context, &wish.request).await?.ok_or(Refusal::InProgress)?
        }
        Err(BookingError::Refused(refusal)) => {
            replay::refuse(context, &wish.request, refusal).await?
        }
        Err(error) => return Err(error),
    };
    replay::remember(context, &wish.request, &answer, Some(wish.event)).await;
    Ok(answer)
}

/// Holds tickets without a place: picks free ones and has the strategy claim them, again when others were quicker. Which
/// ones are picked decides nothing; the claim does.
async fn hold_any(
    context: &Context,
    wish: &HoldRequest,
    quantity: Quantity,
) -> Result<StoredResponse, BookingError> {
    for _ in 0..PICKS_MAX {
        let picked = {
            let mut connection = context.storage.connection().await?;
            let fraction = context.entropy.fraction();
            seating::pick_general(&mut connection, wish.event, quantity, fraction).await?
        };
        let enough = u32::try_from(picked.len()) == Ok(quantity.get());
        if !enough {
            return Err(why_too_few(context, wish.event, picked.len()).await?.into());
        }
        let seats = SeatSet::parse(picked)
            .map_err(|_repeated| StorageError::Impossible("pick of tickets"))?;
        match context.strategy.hold(context, &wish.for_seats(seats)).await {
            Err(BookingError::Refused(Refusal::SeatsUnavailable(_) | Refusal::Contended)) => {
                metrics::counter!("ticketctl_tickets_picked_again_total").increment(1);
            }
            end => return end,
        }
    }
    Err(Refusal::Contended.into())
}

async fn why_too_few(
    context: &Context,
    event: EventId,
    left: usize,
) -> Result<Refusal, BookingError> {
    let found = {
        let mut connection = context.storage.connection().await?;
        events::find(&mut connection, event).await?
    };
    // Of a draft, nobody is told.
    Ok(match found.filter(|event| event.status != EventStatus::Draft) {
        None => Refusal::NotFound("event"),
        Some(event) if event.status != EventStatus::Published => Refusal::NotOnSale(event.status),
        Some(event) if event.admission == Admission::Seated => Refusal::SeatsHavePlaces,
        Some(_) => Refusal::NotEnoughLeft(left),
    })
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
    context: &Context,
    tx: &mut Tx,
    order: &HoldOrder,
    total: Cents,
    expires_at: OffsetDateTime,
) -> Result<StoredResponse, BookingError> {
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
    let response = (context.render.reservation)(&reservation);
    let recorded = reservations::insert(tx, &reservation, (key, hash), &response).await?;
    match recorded {
        Recorded::Done { limit: None } => Ok(response),
        Recorded::Done { limit: Some(limit) } => {
            keep_to_limit(tx, order, limit).await?;
            Ok(response)
        }
        Recorded::KeyUsed => Err(BookingError::KeyUsed),
        Recorded::NotOnSale(status) if status != EventStatus::Draft => {
            Err(Refusal::NotOnSale(status).into())
        }
        // Of a draft, nobody is told.
        Recorded::NotOnSale(_) | Recorded::NoEvent => Err(Refusal::NotFound("event").into()),
    }
}

/// Refuses a hold that takes its user past the event's limit. The user's holds of the event take turns from here to their
/// commits, so that each counts all before it. Those whose time is over are ended first: one that is being paid for or
/// extended in this moment, by somebody who began in time, would be missing in the count and come true after it.
async fn keep_to_limit(
    tx: &mut Tx,
    order: &HoldOrder,
    limit: TicketLimit,
) -> Result<(), BookingError> {
    let (user, event) = (order.request.user, order.event);
    reservations::lock_user_of_event(tx, user, event).await?;
    reservations::expire_of_user(tx, user, event).await?;
    let tickets = reservations::count_tickets(tx, user, event).await?;
    if tickets > i64::from(limit.get()) {
        return Err(Refusal::TicketLimit(limit).into());
    }
    Ok(())
}
