//! Giving bookings back: one, because its owner asks, or all of an event that was called off. The statement that cancels
//! writes the refund's recovery point with it; what a process then leaves behind, recovery finishes.

use super::{BookingError, Context};
use crate::domain::{
    Booking, BookingId, BookingState, EventStatus, PaymentId, Refusal, Role, UserId,
};
use crate::payments::RefundOutcome;
use crate::storage::bookings::{self, By, UsedTickets};
use crate::storage::{Storage, StorageError, events, payments, reservations, tickets};

/// Rows looked at in one go.
const BATCH: i64 = 100;
/// Rounds of one call at most, so that it ends.
const ROUNDS_MAX: u32 = 1000;

/// Cancels a booking of the caller's, or anybody's for an admin, and gives its money back. Cancelling again changes
/// nothing and answers the same.
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
    let payment = give_up(context, id, UsedTickets::Keep).await?;
    if let Some(payment) = payment {
        metrics::counter!("ticketctl_bookings_cancelled_total", "reason" => "given_back")
            .increment(1);
        pay_back(context, payment).await?;
        context.availability.forget(&[booking.event]).await;
    }
    given_back(context, booking).await
}

/// The booking as it is now, if it is cancelled; by whom doesn't matter. Otherwise why it can't be.
async fn given_back(context: &Context, booking: Booking) -> Result<Booking, BookingError> {
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

async fn give_up(
    context: &Context,
    id: BookingId,
    used: UsedTickets,
) -> Result<Option<PaymentId>, BookingError> {
    context
        .storage
        .statement("cancel booking", async |mut connection| {
            bookings::cancel(&mut connection, id, used).await.map_err(BookingError::from)
        })
        .await
}

/// Gives the money back, or leaves that to recovery when the provider doesn't answer: the booking is cancelled either way.
async fn pay_back(context: &Context, payment: PaymentId) -> Result<(), BookingError> {
    match context.provider.refund(payment).await {
        RefundOutcome::Refunded => {
            let refunded = context
                .storage
                .statement("finish refund", async |mut connection| {
                    payments::finish_refund(&mut connection, payment)
                        .await
                        .map_err(BookingError::from)
                })
                .await?;
            metrics::counter!("ticketctl_payments_refunded_total").increment(u64::from(refunded));
        }
        RefundOutcome::Unknown(reason) => {
            tracing::warn!(payment = %payment.0, reason, "a refund is left to recovery");
        }
    }
    Ok(())
}

/// What giving back came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GivenBack {
    /// Bookings cancelled.
    pub bookings: u64,
    /// Holds cancelled.
    pub holds: u64,
}

/// What [`called_off`] would give back now.
pub async fn count_called_off(storage: &Storage) -> Result<GivenBack, StorageError> {
    let mut connection = storage.connection().await?;
    let (bookings, holds) = bookings::count_called_off(&mut connection).await?;
    Ok(GivenBack { bookings, holds })
}

/// Cancels every hold and every booking of events that were called off, and gives the money back. Safe on any number of
/// instances: each booking is cancelled by one of them.
pub async fn called_off(context: &Context) -> Result<GivenBack, BookingError> {
    let mut done = GivenBack::default();
    for _ in 0..ROUNDS_MAX {
        let holds = context
            .storage
            .statement("cancel holds called off", async |mut connection| {
                reservations::cancel_called_off(&mut connection, BATCH)
                    .await
                    .map_err(BookingError::from)
            })
            .await?;
        let batch = {
            let mut connection = context.storage.connection().await?;
            bookings::called_off(&mut connection, BATCH).await?
        };
        if holds == 0 && batch.is_empty() {
            break;
        }
        metrics::counter!("ticketctl_holds_cancelled_total", "reason" => "event_cancelled")
            .increment(holds);
        done.holds += holds;
        for id in batch {
            if let Some(payment) = give_up(context, id, UsedTickets::GiveBack).await? {
                metrics::counter!("ticketctl_bookings_cancelled_total", "reason" => "event_cancelled")
                    .increment(1);
                pay_back(context, payment).await?;
                done.bookings += 1;
            }
        }
    }
    Ok(done)
}
