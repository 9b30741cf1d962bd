//! The saga of a payment. Each step writes a recovery point before it is taken, and each change of step is conditional on
//! the one before, so a process that dies or sleeps at any point leaves something that recovery finishes or undoes, once.
//!
//! ```text
//! start ──▶ charging ──captured──▶ booked                       (done)
//!              │   └───captured, but the seats are lost──▶ refunding ──▶ refunded (done)
//!              └───declined, or the hold ended uncharged──▶ failed    (done)
//! booked ──cancelled──▶ refunding ──▶ refunded                  (done)
//! ```
//!
//! Its callers start it (`confirm`), take it on where a dead process left it (the job `recover-payments`), or undo it
//! (`cancel_booking`, the job `refund-cancelled`).

use super::answer::KeyedRequest;
use super::{BookingError, Context};
use crate::domain::{
    Booking, BookingId, BookingState, PaymentId, Reference, RefundId, Refusal, ReservationId,
    ReservationState, StoredResponse, Ticket, TicketNumber,
};
use crate::payments::{ChargeOutcome, LookUpOutcome, RefundOutcome};
use crate::storage::bookings::Sale;
use crate::storage::payments::{NewPayment, Payment, Step};
use crate::storage::{StorageError, guard_index, idempotency, payments, reservations};

/// How starting a saga ends.
pub enum Started {
    /// Its first recovery point is written: the provider may be asked.
    Charging(Payment),
    /// The hold is not the caller's live one, or the key was used before; nothing was written.
    Refused,
    /// Another payment for the same hold is under way; nothing was written.
    AlreadyPaying,
}

/// The first recovery point: records the request as in progress and the payment as charging, if the hold is live and the
/// key new.
pub async fn start(
    context: &Context,
    reservation: ReservationId,
    method: &str,
    request: &KeyedRequest,
) -> Result<Started, BookingError> {
    let new = NewPayment {
        id: PaymentId(context.entropy.uuid()),
        reservation,
        user: request.user,
        key: &request.key,
        hash: request.hash,
        method,
        in_progress_ttl_seconds: i32::try_from(context.settings.in_progress_ttl.as_secs())
            .unwrap_or(i32::MAX),
    };
    let mut connection = context.storage.connection().await?;
    match payments::start(&mut connection, &new).await {
        Ok(Some(payment)) => Ok(Started::Charging(payment)),
        Ok(None) => Ok(Started::Refused),
        Err(StorageError::Constraint { name }) if name == payments::ONE_LIVE_PAYMENT => {
            Ok(Started::AlreadyPaying)
        }
        Err(error) => Err(error.into()),
    }
}

/// Asks the provider for the money, and takes the saga from its answer to the end; returns the stored answer.
pub async fn charge(context: &Context, payment: &Payment) -> Result<StoredResponse, BookingError> {
    match context.provider.charge(payment.id, payment.amount, &payment.method).await {
        ChargeOutcome::Captured => book_or_refund(context, payment).await,
        ChargeOutcome::Declined => decline(context, payment).await,
        ChargeOutcome::Unknown(reason) => Err(BookingError::PaymentUnknown(reason)),
    }
}

/// Takes the saga on from the recovery point that a dead process left, as far as it goes; returns the stored answer.
pub async fn resume(context: &Context, payment: &Payment) -> Result<StoredResponse, BookingError> {
    if payment.step == Step::Refunding {
        refund(context, payment.id).await?;
        return answer_of_record(context, payment).await;
    }
    match context.provider.look_up(payment.id).await {
        LookUpOutcome::Captured => book_or_refund(context, payment).await,
        LookUpOutcome::NotCharged => decline(context, payment).await,
        LookUpOutcome::NeverSeen => charge_or_end(context, payment).await,
        LookUpOutcome::Unknown(reason) => Err(BookingError::PaymentUnknown(reason)),
    }
}

/// The provider never heard of the payment. While the hold lives the buyer still wants the seats, so the charge is sent
/// again; it has the same id, so it can't be taken twice. Once the hold is over there is nothing left to pay for.
async fn charge_or_end(
    context: &Context,
    payment: &Payment,
) -> Result<StoredResponse, BookingError> {
    let reservation = {
        let mut connection = context.storage.connection().await?;
        reservations::find(&mut connection, payment.reservation).await?
    };
    match reservation.map_or(ReservationState::Expired, |reservation| reservation.state) {
        ReservationState::Held => charge(context, payment).await,
        ended => end_without_charge(context, payment, &Refusal::ReservationEnded(ended)).await,
    }
}

async fn book_or_refund(
    context: &Context,
    payment: &Payment,
) -> Result<StoredResponse, BookingError> {
    if let Some(response) = book(context, payment).await? {
        return Ok(response);
    }
    // Where another process ended the saga meanwhile, its answer stands.
    let refunding = context
        .storage
        .statement("start refund", async |mut connection| {
            payments::start_refund(&mut connection, payment.id).await
        })
        .await?;
    if refunding {
        refund(context, payment.id).await?;
    }
    answer_of_record(context, payment).await
}

/// The sale. `None`, and nothing written, when the hold or the payment was lost to somebody else.
async fn book(
    context: &Context,
    payment: &Payment,
) -> Result<Option<StoredResponse>, BookingError> {
    let booking = booking_of(context, payment);
    let response = (context.render.booking)(&booking);
    let sale = Sale { payment, booking: &booking, response: &response };
    match context.strategy.sell(&sale).await {
        Ok(true) => {
            metrics::counter!("ticketctl_bookings_confirmed_total").increment(1);
            context.seats_changed(&[payment.event]).await;
            Ok(Some(response))
        }
        Ok(false) => Ok(None),
        Err(StorageError::Constraint { name }) if name == guard_index::NAME => Ok(None),
        // The money stays where it is: recovery sells or refunds, once the index is back or the hold over.
        Err(StorageError::Unguarded) => {
            context.guard.missed();
            Err(StorageError::Unguarded.into())
        }
        Err(error) => Err(error.into()),
    }
}

fn booking_of(context: &Context, payment: &Payment) -> Booking {
    let ticket = |seat: &_| Ticket {
        seat: *seat,
        number: TicketNumber::from_random(context.entropy.bits()),
    };
    Booking {
        id: BookingId(payment.id.0),
        reference: Reference::of_booking(BookingId(payment.id.0)),
        reservation: payment.reservation,
        event: payment.event,
        user: payment.user,
        state: BookingState::Confirmed,
        total: payment.amount,
        created_at: payment.created_at,
        cancelled_at: None,
        tickets: payment.seats.ids().iter().map(ticket).collect(),
    }
}

/// Sends back what was captured, once its recovery point says so: after a sale that was lost, or with a cancelled
/// booking. A request that is still in progress for it ends as refunded.
///
/// # Errors
/// [`BookingError::PaymentUnknown`] when the provider gave no answer: recovery asks again.
pub async fn refund(context: &Context, payment: PaymentId) -> Result<(), BookingError> {
    match context.provider.refund(payment, RefundId::of(payment)).await {
        RefundOutcome::Refunded => {}
        RefundOutcome::Unknown(reason) => return Err(BookingError::PaymentUnknown(reason)),
    }
    let response = (context.render.refusal)(&Refusal::RefundedAfterLoss);
    let refunded = context
        .storage
        .statement("finish refund", async |mut connection| {
            payments::finish_refund(&mut connection, payment, &response).await
        })
        .await?;
    metrics::counter!("ticketctl_payments_refunded_total").increment(u64::from(refunded));
    Ok(())
}

async fn decline(context: &Context, payment: &Payment) -> Result<StoredResponse, BookingError> {
    metrics::counter!("ticketctl_payments_declined_total").increment(1);
    end_without_charge(context, payment, &Refusal::PaymentDeclined).await
}

/// Nothing was charged: ends the saga, and the request with this refusal.
async fn end_without_charge(
    context: &Context,
    payment: &Payment,
    refusal: &Refusal,
) -> Result<StoredResponse, BookingError> {
    let response = (context.render.refusal)(refusal);
    context
        .storage
        .statement("end without charge", async |mut connection| {
            payments::fail(&mut connection, payment.id, &response).await
        })
        .await?;
    answer_of_record(context, payment).await
}

/// What the request's record says now. One that ended before keeps its answer: the cleanup ended it, long after its
/// request was left behind, or it was a sale, and its booking was cancelled since.
async fn answer_of_record(
    context: &Context,
    payment: &Payment,
) -> Result<StoredResponse, BookingError> {
    let mut connection = context.storage.connection().await?;
    let record = idempotency::find(&mut connection, payment.user, &payment.key).await?;
    let response = record.and_then(|record| record.response);
    Ok(response.ok_or(Refusal::InProgress)?)
}
