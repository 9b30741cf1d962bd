//! Finishing what a dead process left: payments whose recovery point says that something was under way, and on which
//! nobody worked for a while. Safe on any number of instances: a payment is taken on by one of them at a time, and every
//! step is conditional.

use std::time::Duration;

use super::{BookingError, Context, confirm};
use crate::domain::Refusal;
use crate::domain::ReservationState;
use crate::payments::{ChargeOutcome, LookUpOutcome};
use crate::storage::payments::{self, Payment, Step};
use crate::storage::{Storage, StorageError, reservations};

/// Payments taken on at once.
const BATCH: i64 = 50;

/// What a round came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Payments brought to an end.
    pub ended: u64,
    /// Payments that have to be tried again.
    pub open: u64,
}

/// One round: takes on a batch and brings each payment as far as it goes.
pub async fn recover(context: &Context) -> Result<Recovered, BookingError> {
    let idle_seconds = context.settings.recovery_idle.as_secs_f64();
    let batch = context
        .storage
        .statement("take on unfinished", async |mut connection| {
            payments::take_on_unfinished(&mut connection, idle_seconds, BATCH).await
        })
        .await?;
    let mut round = Recovered::default();
    for payment in batch {
        match resume(context, &payment).await {
            Ok(()) => round.ended += 1,
            Err(error) => {
                tracing::warn!(payment = %payment.id.0, %error, "a payment could not be recovered yet");
                round.open += 1;
            }
        }
    }
    metrics::counter!("ticketctl_recovered_payments_total").increment(round.ended);
    Ok(round)
}

/// Payments that a round would take on, or another instance has taken on: nobody worked on them for `idle`.
pub async fn count_unfinished(storage: &Storage, idle: Duration) -> Result<u64, StorageError> {
    let mut connection = storage.connection().await?;
    payments::count_unfinished(&mut connection, idle.as_secs_f64()).await
}

async fn resume(context: &Context, payment: &Payment) -> Result<(), BookingError> {
    let ended = match payment.step {
        Step::Refunding => confirm::give_back(context, payment).await,
        Step::Charging => match context.provider.look_up(payment.id).await {
            LookUpOutcome::Captured => {
                confirm::conclude(context, payment, ChargeOutcome::Captured).await
            }
            LookUpOutcome::NotCharged => {
                confirm::conclude(context, payment, ChargeOutcome::Declined).await
            }
            LookUpOutcome::NeverSeen => charge_or_end(context, payment).await,
            LookUpOutcome::Unknown(reason) => Err(BookingError::PaymentUnknown(reason)),
        },
    };
    match ended {
        Ok(_answer) => Ok(()),
        // Somebody else is ending it.
        Err(BookingError::Refused(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The provider never heard of the payment. While the hold lives the buyer still wants the seats, so the charge is sent
/// again; it has the same id, so it can't be taken twice. Once the hold is over there is nothing left to pay for.
async fn charge_or_end(
    context: &Context,
    payment: &Payment,
) -> Result<crate::domain::StoredResponse, BookingError> {
    let reservation = {
        let mut connection = context.storage.connection().await?;
        reservations::find(&mut connection, payment.reservation).await?
    };
    let state = reservation.map_or(ReservationState::Expired, |reservation| reservation.state);
    if state == ReservationState::Held {
        let outcome = context.provider.charge(payment.id, payment.amount, &payment.method).await;
        return confirm::conclude(context, payment, outcome).await;
    }
    confirm::end_without_charge(context, payment, &Refusal::ReservationEnded(state)).await
}
