//! Paying for a hold: a saga. Each step writes a recovery point before it is taken, and each change of step is
//! conditional on the one before, so a process that dies or sleeps at any point leaves something that `recover` finishes
//! or gives back, once.
//!
//! 1. record the request and the payment as charging (one statement), if the hold is live
//! 2. charge at the provider
//! 3. confirm the reservation, book, link the seats, mark them sold, store the answer (one transaction)
//!
//! When 3 finds the hold gone: record the refund, give the money back, store the refusal.

use super::replay::{self, KeyedRequest};
use super::{Answer, BookingError, Desk};
use crate::domain::{
    Booking, BookingId, BookingState, PaymentId, RecordState, Reference, Refusal, Reservation,
    ReservationId, ReservationState, StoredResponse, Ticket, TicketNumber,
};
use crate::payments::{ChargeOutcome, RefundOutcome};
use crate::storage::payments::{NewPayment, Payment, Step};
use crate::storage::{StorageError, Tx, bookings, idempotency, payments, reservations};

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
pub async fn confirm(desk: &Desk, order: &ConfirmOrder) -> Result<Answer, BookingError> {
    if let Some(answer) = replay::cached(desk, &order.request).await? {
        return Ok(answer);
    }
    let answer = match begin(desk, order).await? {
        Begun::New(payment) => {
            let outcome = desk.provider.charge(payment.id, payment.amount, &payment.method).await;
            Answer::new(conclude(desk, &payment, outcome).await?)
        }
        Begun::Before(answer) => answer,
    };
    replay::remember(desk, &order.request, &answer).await;
    Ok(answer)
}

enum Begun {
    New(Payment),
    Before(Answer),
}

/// Step 1, or what stands in its way.
async fn begin(desk: &Desk, order: &ConfirmOrder) -> Result<Begun, BookingError> {
    let KeyedRequest { user, ref key, hash } = order.request;
    let new = NewPayment {
        id: PaymentId(desk.entropy.uuid()),
        reservation: order.reservation,
        user,
        key,
        hash,
        method: &order.method,
        in_progress_ttl_seconds: i32::try_from(desk.settings.in_progress_ttl.as_secs())
            .unwrap_or(i32::MAX),
    };
    let begun = {
        let mut connection = desk.storage.connection().await?;
        payments::begin(&mut connection, &new).await
    };
    match begun {
        Ok(Some(payment)) => Ok(Begun::New(payment)),
        Ok(None) => match replay::recorded(desk, &order.request).await? {
            Some(answer) => Ok(Begun::Before(answer)),
            None => Err(why_not(desk, order).await?.into()),
        },
        Err(StorageError::Constraint { name }) if name == payments::ONE_LIVE_PAYMENT => {
            match replay::recorded(desk, &order.request).await? {
                Some(answer) => Ok(Begun::Before(answer)),
                None => Err(Refusal::AlreadyPaying.into()),
            }
        }
        Err(error) => Err(error.into()),
    }
}

async fn why_not(desk: &Desk, order: &ConfirmOrder) -> Result<Refusal, BookingError> {
    let mut connection = desk.storage.connection().await?;
    Ok(match reservations::find(&mut connection, order.reservation).await? {
        None => Refusal::NotFound("reservation"),
        Some(found) if found.user != order.request.user => Refusal::NotOwner("reservation"),
        // It was live a moment ago and is now, or the key was: somebody else was at work in between.
        Some(Reservation { state: ReservationState::Held, .. }) => Refusal::InProgress,
        Some(Reservation { state: ReservationState::Confirmed, .. }) => Refusal::AlreadyPaying,
        Some(found) => Refusal::ReservationEnded(found.state),
    })
}

/// Takes the saga from the charge's outcome to its end; returns the stored answer.
pub async fn conclude(
    desk: &Desk,
    payment: &Payment,
    outcome: ChargeOutcome,
) -> Result<StoredResponse, BookingError> {
    match outcome {
        ChargeOutcome::Captured => match book(desk, payment).await {
            Ok(response) => Ok(response),
            Err(BookingError::Refused(_)) => give_back(desk, payment).await,
            Err(error) => Err(error),
        },
        ChargeOutcome::Declined => {
            end_without_charge(desk, payment, &Refusal::PaymentDeclined).await
        }
        ChargeOutcome::Unknown(reason) => Err(BookingError::PaymentUnknown(reason)),
    }
}

/// Step 3. Refused when the hold or the payment was lost to somebody else; nothing is written then.
async fn book(desk: &Desk, payment: &Payment) -> Result<StoredResponse, BookingError> {
    let booking = sale(desk, payment);
    let response = (desk.render.booking)(&booking);
    let lost = || BookingError::Refused(Refusal::RefundedAfterLoss);
    desk.storage
        .transaction("book", async |mut tx: Tx| {
            if !payments::capture(&mut tx, payment.id).await?
                || !desk.strategy.sell(&mut tx, payment, booking.id).await?
            {
                return Err(lost());
            }
            match bookings::insert(&mut tx, &booking, &payment.key, &response).await {
                Ok(true) => {}
                Ok(false) => warn_ended_before(payment),
                Err(StorageError::Constraint { name }) if name == bookings::ONE_LIVE_SALE => {
                    return Err(lost());
                }
                Err(error) => return Err(error.into()),
            }
            Ok((tx, ()))
        })
        .await?;
    Ok(response)
}

fn sale(desk: &Desk, payment: &Payment) -> Booking {
    let ticket =
        |seat: &_| Ticket { seat: *seat, number: TicketNumber::from_random(desk.entropy.bits()) };
    Booking {
        id: BookingId(desk.entropy.uuid()),
        reference: Reference::from_random(desk.entropy.uuid().as_u64_pair().1),
        reservation: payment.reservation,
        event: payment.event,
        user: payment.user,
        state: BookingState::Confirmed,
        total: payment.amount,
        tickets: payment.seats.ids().iter().map(ticket).collect(),
    }
}

/// The charge was captured and the seats are lost: the money goes back. Where another process ended the saga meanwhile,
/// its answer stands.
pub async fn give_back(desk: &Desk, payment: &Payment) -> Result<StoredResponse, BookingError> {
    let began = desk
        .storage
        .transaction("begin refund", async |mut tx: Tx| {
            let began = payments::begin_refund(&mut tx, payment.id).await?;
            Ok::<_, BookingError>((tx, began))
        })
        .await?;
    if !began && payment.step == Step::Charging {
        return answer_of_record(desk, payment).await;
    }
    match desk.provider.refund(payment.id).await {
        RefundOutcome::Refunded => {}
        RefundOutcome::Unknown(reason) => return Err(BookingError::PaymentUnknown(reason)),
    }
    let response = (desk.render.refusal)(&Refusal::RefundedAfterLoss);
    desk.storage
        .transaction("finish refund", async |mut tx: Tx| {
            if payments::finish_refund(&mut tx, payment.id).await? {
                finish(&mut tx, payment, &response).await?;
            }
            Ok::<_, BookingError>((tx, ()))
        })
        .await?;
    answer_of_record(desk, payment).await
}

/// Nothing was charged: ends the saga with this refusal.
pub async fn end_without_charge(
    desk: &Desk,
    payment: &Payment,
    refusal: &Refusal,
) -> Result<StoredResponse, BookingError> {
    let response = (desk.render.refusal)(refusal);
    desk.storage
        .transaction("end without charge", async |mut tx: Tx| {
            if payments::fail(&mut tx, payment.id).await? {
                finish(&mut tx, payment, &response).await?;
            }
            Ok::<_, BookingError>((tx, ()))
        })
        .await?;
    answer_of_record(desk, payment).await
}

/// Ends the request's record without a sale.
async fn finish(
    tx: &mut Tx,
    payment: &Payment,
    response: &StoredResponse,
) -> Result<(), StorageError> {
    let state = RecordState::Failed;
    if !idempotency::finish(tx, payment.user, &payment.key, state, response).await? {
        warn_ended_before(payment);
    }
    Ok(())
}

/// A record may have been ended by the cleanup, long after its request was left behind: its answer stands then.
fn warn_ended_before(payment: &Payment) {
    tracing::warn!(payment = %payment.id.0, "the request's record had ended before its payment");
}

async fn answer_of_record(desk: &Desk, payment: &Payment) -> Result<StoredResponse, BookingError> {
    let mut connection = desk.storage.connection().await?;
    let record = idempotency::find(&mut connection, payment.user, &payment.key).await?;
    let response = record.and_then(|record| record.response);
    Ok(response.ok_or(Refusal::InProgress)?)
}
