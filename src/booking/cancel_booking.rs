//! Cancelling a booking: the statement that cancels writes the refund's recovery point with it; what a process then leaves
//! behind, recovery finishes.

use super::{BookingError, Context, saga};
use crate::domain::{
    Booking, BookingId, BookingState, EventId, EventStatus, Refusal, Role, UserId,
};
use crate::storage::bookings::{self, By, UsedTickets};
use crate::storage::{events, tickets};

/// Cancels a booking of the caller's, or anybody's for an admin, and refunds it. Cancelling again changes nothing and
/// answers the same.
pub async fn cancel(
    context: &Context,
    (user, role): (UserId, Role),
    id: BookingId,
) -> Result<Booking, BookingError> {
    let booking = {
        let mut connection = context.storage.connection().await?;
        bookings::find(&mut connection, By::Id(id)).await?.ok_or(Refusal::NotFound("booking"))?
    };
    if booking.user != user && role != Role::Admin {
        return Err(Refusal::NotOwner("booking").into());
    }
    cancel_and_refund(context, (id, booking.event), Reason::OfBuyer).await?;
    cancelled(context, booking).await
}

/// Why a booking is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Its buyer, or an admin, asks: what was used is kept.
    OfBuyer,
    /// Its event is cancelled: everything is refunded.
    EventCancelled,
}

impl Reason {
    /// The word in the metrics.
    fn name(self) -> &'static str {
        match self {
            Self::OfBuyer => "given_back",
            Self::EventCancelled => "event_cancelled",
        }
    }

    fn used_tickets(self) -> UsedTickets {
        match self {
            Self::OfBuyer => UsedTickets::Keep,
            Self::EventCancelled => UsedTickets::Refund,
        }
    }
}

/// Cancels the booking if it may be, and refunds it, or leaves that to recovery when the provider doesn't answer:
/// the booking is cancelled either way. False, and nothing written, when it may not be.
pub async fn cancel_and_refund(
    context: &Context,
    (id, event): (BookingId, EventId),
    reason: Reason,
) -> Result<bool, BookingError> {
    let payment = context
        .storage
        .statement("cancel booking", async |mut connection| {
            bookings::cancel(&mut connection, id, reason.used_tickets())
                .await
                .map_err(BookingError::from)
        })
        .await?;
    let Some(payment) = payment else { return Ok(false) };
    metrics::counter!("ticketctl_bookings_cancelled_total", "reason" => reason.name()).increment(1);
    context.seats_changed(&[event]).await;
    match saga::refund(context, payment).await {
        Err(BookingError::PaymentUnknown(reason)) => {
            tracing::warn!(payment = %payment.0, reason, "a refund is left to recovery");
        }
        refunded => refunded?,
    }
    Ok(true)
}

/// The booking as it is now, if it is cancelled; by whom doesn't matter. Otherwise why it can't be.
async fn cancelled(context: &Context, booking: Booking) -> Result<Booking, BookingError> {
    let mut connection = context.storage.connection().await?;
    let now = bookings::find(&mut connection, By::Id(booking.id)).await?.unwrap_or(booking);
    if now.state == BookingState::Cancelled {
        return Ok(now);
    }
    for ticket in &now.tickets {
        let ticket = tickets::find(&mut connection, ticket.number.as_str()).await?;
        if let Some(at) = ticket.and_then(|ticket| ticket.checked_in_at) {
            return Err(Refusal::TicketUsed(at).into());
        }
    }
    if events::off_sale(&mut connection, now.event).await? == Some(EventStatus::Completed) {
        return Err(Refusal::EventOver.into());
    }
    Err(Refusal::BookingEnded(now.state).into())
}
