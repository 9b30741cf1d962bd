//! Brings payments that were left behind to their end: those whose recovery point says that something was under way, and on
//! which nobody worked for a while. Booked, refunded, or, where nothing was charged before the hold ended, failed. A payment
//! is taken on by one instance at a time, and every step of the saga is conditional.

use std::time::Duration;

use async_trait::async_trait;

use super::{Count, Job, Period, Tally, WorksOn};
use crate::booking::{BookingError, Context, saga};
use crate::storage::payments::{self, Payment};

/// Payments taken on at once: more would wait for their turn for so long that another instance took them on.
const TAKEN_ON_MAX: u32 = 50;

/// The job.
pub struct RecoverPayments;

#[async_trait]
impl Job for RecoverPayments {
    fn name(&self) -> &'static str {
        "recover-payments"
    }

    fn summary(&self) -> &'static str {
        "Finish payments, and with them pending bookings, that a dead process left behind"
    }

    fn period(&self) -> Period {
        Period { flag: "recover-every", default: Duration::from_secs(1) }
    }

    fn works_on(&self) -> WorksOn {
        WorksOn::Payments
    }

    async fn round(&self, context: &Context, batch: u32) -> Result<Tally, BookingError> {
        let idle_seconds = context.settings.recovery_idle.as_secs_f64();
        let left_behind = context
            .storage
            .statement("take on unfinished", async |mut connection| {
                let limit = i64::from(batch.min(TAKEN_ON_MAX));
                payments::take_on_unfinished(&mut connection, idle_seconds, limit).await
            })
            .await?;
        let (mut ended, mut open) = (0, 0);
        for payment in left_behind {
            match resume(context, &payment).await {
                Ok(()) => ended += 1,
                Err(error) => {
                    tracing::warn!(payment = %payment.id.0, %error, "a payment could not be recovered yet");
                    open += 1;
                }
            }
        }
        metrics::counter!("ticketctl_recovered_payments_total").increment(ended);
        Ok(tally(ended, open))
    }

    /// Payments that a round would take on, or another instance has taken on.
    async fn due(&self, context: &Context) -> Result<Tally, BookingError> {
        let idle_seconds = context.settings.recovery_idle.as_secs_f64();
        let mut connection = context.storage.connection().await?;
        Ok(tally(0, payments::count_unfinished(&mut connection, idle_seconds).await?))
    }
}

async fn resume(context: &Context, payment: &Payment) -> Result<(), BookingError> {
    match saga::resume(context, payment).await {
        // Refused: somebody else is ending it.
        Ok(_) | Err(BookingError::Refused(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

fn tally(ended: u64, open: u64) -> Tally {
    let noun = "payment";
    Tally(vec![
        Count { key: "ended", number: ended, noun, done: "finished", due: None },
        Count { key: "open", number: open, noun, done: "still open", due: Some("to finish") },
    ])
}
