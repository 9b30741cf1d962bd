//! Paying for a hold: a saga. Each step writes a recovery point before it is taken, and each change of step is
//! conditional on the one before, so a process that dies or sleeps at any point leaves something that `recover` finishes
//! or gives back, once.
//!
//! 1. record the request and the payment as charging (one statement), if the hold is live
//! 2. charge at the provider
//! 3. confirm the reservation, book, link the seats, mark them sold, store the answer (one statement)
//!
//! When 3 finds the hold gone: record the refund, give the money back, store the refusal.

use super::replay::{self, KeyedRequest};
use super::{Answer, BookingError, Context};
use crate::domain::{
    Booking, BookingId, BookingState, PaymentId, Reference, Refusal, Reservation, ReservationId,
    ReservationState, StoredResponse, Ticket, TicketNumber,
};
use crate::payments::{ChargeOutcome, RefundOutcome};
use crate::storage::bookings::Sale;
use crate::storage::payments::{NewPayment, Payment, Step};
use crate::storage::{StorageError, Tx, events, guard_index, idempotency, payments, reservations};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct ConfirmOrder {
    /// The caller's reservation.
    pub reservation: ReservationId,
    /// The provider's token of the payment method.
    pub method: String,
    /// Who asks, under which key.
    pub request: KeyedRequest,
}

/// Charges for the hold and books it, or says why not.
pub async fn confirm(context: &Context, order: &ConfirmOrder) -> Result<Answer, BookingError> {
    if let Some(answer) = replay::cached(context, &order.request).await? {
        return Ok(answer);
    }
    let (answer, changed) = match begin(context, order).await? {
        Begun::New(payment) => {
            let outcome =
                context.provider.charge(payment.id, payment.amount, &payment.method).await;
            (Answer::new(conclude(context, &payment, outcome).await?), Some(payment.event))
        }
        Begun::Before(answer) => (answer, None),
    };
    replay::remember(context, &order.request, &answer, changed).await;
    Ok(answer)
}

enum Begun {
    New(Payment),
    /// It ended before there was a payment, in this request or an earlier one.
    Before(Answer),
}

/// Step 1, or what stands in its way.
async fn begin(context: &Context, order: &ConfirmOrder) -> Result<Begun, BookingError> {
    let KeyedRequest { user, ref key, hash } = order.request;
    let new = NewPayment {
        id: PaymentId(context.entropy.uuid()),
        reservation: order.reservation,
        user,
        key,
        hash,
        method: &order.method,
        in_progress_ttl_seconds: i32::try_from(context.settings.in_progress_ttl.as_secs())
            .unwrap_or(i32::MAX),
    };
    let begun = {
        let mut connection = context.storage.connection().await?;
        payments::begin(&mut connection, &new).await
    };
    match begun {
        Ok(Some(payment)) => Ok(Begun::New(payment)),
        Ok(None) => {
            let before = replay::recorded(context, &order.request).await?;
            let answer = match before {
                Some(answer) => answer,
                None => {
                    replay::refuse(context, &order.request, why_not(context, order).await?).await?
                }
            };
            Ok(Begun::Before(answer))
        }
        Err(StorageError::Constraint { name }) if name == payments::ONE_LIVE_PAYMENT => {
            match replay::recorded(context, &order.request).await? {
                Some(answer) => Ok(Begun::Before(answer)),
                None => Err(Refusal::AlreadyPaying.into()),
            }
        }
        Err(error) => Err(error.into()),
    }
}

async fn why_not(context: &Context, order: &ConfirmOrder) -> Result<Refusal, BookingError> {
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

/// Takes the saga from the charge's outcome to its end; returns the stored answer.
pub async fn conclude(
    context: &Context,
    payment: &Payment,
    outcome: ChargeOutcome,
) -> Result<StoredResponse, BookingError> {
    match outcome {
        ChargeOutcome::Captured => match book(context, payment).await {
            Ok(response) => Ok(response),
            Err(BookingError::Refused(_)) => give_back(context, payment).await,
            Err(error) => Err(error),
        },
        ChargeOutcome::Declined => {
            metrics::counter!("ticketctl_payments_declined_total").increment(1);
            end_without_charge(context, payment, &Refusal::PaymentDeclined).await
        }
        ChargeOutcome::Unknown(reason) => Err(BookingError::PaymentUnknown(reason)),
    }
}

/// Step 3. Refused when the hold or the payment was lost to somebody else; nothing is written then.
async fn book(context: &Context, payment: &Payment) -> Result<StoredResponse, BookingError> {
    let booking = booking_of(context, payment);
    let response = (context.render.booking)(&booking);
    let sale = Sale { payment, booking: &booking, response: &response };
    match context.strategy.sell(context, &sale).await {
        Ok(true) => {
            metrics::counter!("ticketctl_bookings_confirmed_total").increment(1);
            Ok(response)
        }
        Ok(false) => Err(Refusal::RefundedAfterLoss.into()),
        Err(StorageError::Constraint { name }) if name == guard_index::NAME => {
            Err(Refusal::RefundedAfterLoss.into())
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

/// The charge was captured and the seats are lost: the money goes back. Where another process ended the saga meanwhile,
/// its answer stands.
pub async fn give_back(
    context: &Context,
    payment: &Payment,
) -> Result<StoredResponse, BookingError> {
    let began = context
        .storage
        .statement("begin refund", async |mut connection| {
            payments::begin_refund(&mut connection, payment.id).await
        })
        .await?;
    if !began && payment.step == Step::Charging {
        return answer_of_record(context, payment).await;
    }
    match context.provider.refund(payment.id).await {
        RefundOutcome::Refunded => {}
        RefundOutcome::Unknown(reason) => return Err(BookingError::PaymentUnknown(reason)),
    }
    let response = (context.render.refusal)(&Refusal::RefundedAfterLoss);
    let refunded = context
        .storage
        .transaction("finish refund", async |mut tx: Tx| {
            let refunded = payments::finish_refund(&mut tx, payment.id).await?;
            if refunded {
                fail(&mut tx, payment, &response).await?;
            }
            Ok::<_, BookingError>((tx, refunded))
        })
        .await?;
    metrics::counter!("ticketctl_payments_refunded_total").increment(u64::from(refunded));
    answer_of_record(context, payment).await
}

/// Nothing was charged: ends the saga with this refusal.
pub async fn end_without_charge(
    context: &Context,
    payment: &Payment,
    refusal: &Refusal,
) -> Result<StoredResponse, BookingError> {
    let response = (context.render.refusal)(refusal);
    context
        .storage
        .transaction("end without charge", async |mut tx: Tx| {
            if payments::fail(&mut tx, payment.id).await? {
                fail(&mut tx, payment, &response).await?;
            }
            Ok::<_, BookingError>((tx, ()))
        })
        .await?;
    answer_of_record(context, payment).await
}

/// Ends the request's record without a sale. One that ended before keeps its answer: the cleanup ended it, long after its
/// request was left behind, or it was a sale, and its booking was given back since.
async fn fail(
    tx: &mut Tx,
    payment: &Payment,
    response: &StoredResponse,
) -> Result<(), StorageError> {
    if !idempotency::fail(tx, payment.user, &payment.key, response).await? {
        tracing::debug!(payment = %payment.id.0, "the request's record had ended before its payment");
    }
    Ok(())
}

async fn answer_of_record(
    context: &Context,
    payment: &Payment,
) -> Result<StoredResponse, BookingError> {
    let mut connection = context.storage.connection().await?;
    let record = idempotency::find(&mut connection, payment.user, &payment.key).await?;
    let response = record.and_then(|record| record.response);
    Ok(response.ok_or(Refusal::InProgress)?)
}
