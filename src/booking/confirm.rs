//! Paying for a hold: starts the saga, or finds out why it can't start.

use super::answer::{Answer, KeyedRequest};
use super::saga::{self, Started};
use super::{BookingError, Context, replay};
use crate::domain::{Refusal, Reservation, ReservationId, ReservationState};
use crate::storage::{events, reservations};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct ConfirmRequest {
    /// The caller's reservation.
    pub reservation: ReservationId,
    /// The provider's token of the payment method.
    pub method: String,
    /// Who asks, under which key.
    pub request: KeyedRequest,
}

/// Charges for the hold and books it, or says why not.
pub async fn confirm(context: &Context, order: &ConfirmRequest) -> Result<Answer, BookingError> {
    let ConfirmRequest { reservation, method, request } = order;
    if let Some(answer) = replay::cached(context, request).await? {
        return Ok(answer);
    }
    context.guard.check()?;
    let answer = match saga::start(context, *reservation, method, request).await? {
        Started::Charging(payment) => Answer::new(saga::charge(context, &payment).await?),
        Started::Refused => match replay::recorded(context, request).await? {
            Some(answer) => answer,
            None => replay::refuse(context, request, why_not(context, order).await?).await?,
        },
        Started::AlreadyPaying => {
            replay::recorded(context, request).await?.ok_or(Refusal::AlreadyPaying)?
        }
    };
    replay::remember(context, request, &answer).await;
    Ok(answer)
}

async fn why_not(context: &Context, order: &ConfirmRequest) -> Result<Refusal, BookingError> {
    let mut connection = context.storage.connection().await?;
    Ok(match reservations::find(&mut connection, order.reservation).await? {
        None => Refusal::NotFound("reservation"),
        Some(found) if found.user != order.request.user => Refusal::NotOwner("reservation"),
        Some(Reservation { state: ReservationState::Confirmed, .. }) => Refusal::AlreadyPaying,
        Some(found) => match events::off_sale(&mut connection, found.event).await? {
            Some(status) => Refusal::NotOnSale(status),
            // It was live a moment ago and is now, or the key was: somebody else was at work in between.
            None if found.state == ReservationState::Held => Refusal::InProgress,
            None => Refusal::ReservationEnded(found.state),
        },
    })
}
