//! Holding seats: all of them or none, for one user, until a moment of the database's clock.

use super::answer::{Answer, KeyedRequest};
use super::claim::Claim;
use super::{BookingError, Context, replay};
use crate::domain::{
    Admission, EventId, HoldTtl, Quantity, Refusal, ReservationId, SeatSet, StoredResponse, Wanted,
};
use crate::storage::{StorageError, events, seating};

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
    fn claim(&self, context: &Context, seats: SeatSet) -> Claim {
        let Self { id, event, ttl, ref request, .. } = *self;
        let bounds = context.settings.holds_of_user;
        Claim { id, event, seats, ttl, bounds, request: request.clone() }
    }
}

/// How often tickets without a place are looked for: others may be quicker each time.
const PICKS_MAX: u32 = 8;

/// Holds the seats, or says why not.
///
/// The key is not looked up in the database first. A first request has no record, and a repeated one can't get past
/// its own seats or past the record's primary key; so only a request that fails learns what the key came to before.
pub async fn hold(context: &Context, asked: &HoldRequest) -> Result<Answer, BookingError> {
    if let Some(answer) = replay::cached(context, &asked.request).await? {
        return Ok(answer);
    }
    context.guard.check()?;
    let held = match &asked.wanted {
        Wanted::Seats(seats) => context.strategy.hold(&asked.claim(context, seats.clone())).await,
        Wanted::Any(quantity) => hold_any(context, asked, *quantity).await,
    };
    let answer = match held {
        Ok(response) => {
            metrics::counter!("ticketctl_holds_granted_total").increment(1);
            let answer = Answer::new(response);
            let (events, request) = ([asked.event], &asked.request);
            tokio::join!(
                context.seats_changed(&events),
                replay::remember(context, request, &answer)
            );
            return Ok(answer);
        }
        Err(BookingError::KeyUsed) => {
            replay::recorded(context, &asked.request).await?.ok_or(Refusal::InProgress)?
        }
        Err(BookingError::Refused(refusal)) => {
            let refusal = of_the_event(context, asked.event, refusal).await?;
            replay::refuse(context, &asked.request, refusal).await?
        }
        Err(error) => return Err(error),
    };
    replay::remember(context, &asked.request, &answer).await;
    Ok(answer)
}

/// Where seats are not the event's, the reason may be the event: it isn't there, or nothing of it is on sale.
async fn of_the_event(
    context: &Context,
    event: EventId,
    refusal: Refusal,
) -> Result<Refusal, BookingError> {
    if !matches!(refusal, Refusal::UnknownSeats(_)) {
        return Ok(refusal);
    }
    let mut connection = context.storage.connection().await?;
    Ok(events::why_not_on_sale(&mut connection, event).await?.unwrap_or(refusal))
}

/// Holds tickets without a place: picks free ones and has the strategy claim them, again when others were quicker. Which
/// ones are picked decides nothing; the claim does.
async fn hold_any(
    context: &Context,
    asked: &HoldRequest,
    quantity: Quantity,
) -> Result<StoredResponse, BookingError> {
    for _ in 0..PICKS_MAX {
        let picked = {
            let mut connection = context.storage.connection().await?;
            let fraction = context.entropy.fraction();
            seating::pick_general(&mut connection, asked.event, quantity, fraction).await?
        };
        let enough = u32::try_from(picked.len()) == Ok(quantity.get());
        if !enough {
            return Err(why_too_few(context, asked.event, picked.len()).await?.into());
        }
        let seats = SeatSet::parse(picked)
            .map_err(|_repeated| StorageError::Impossible("pick of tickets"))?;
        match context.strategy.hold(&asked.claim(context, seats)).await {
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
    let mut connection = context.storage.connection().await?;
    if let Some(refusal) = events::why_not_on_sale(&mut connection, event).await? {
        return Ok(refusal);
    }
    let found = events::find(&mut connection, event).await?;
    let is_seated = found.is_some_and(|event| event.admission == Admission::Seated);
    Ok(if is_seated { Refusal::SeatsHavePlaces } else { Refusal::NotEnoughLeft(left) })
}
