//! Cancels every hold and every booking of cancelled events, and refunds what was paid. Each booking is cancelled by one
//! instance; a sale that slips in while its event is being cancelled is caught by the next round.

use std::time::Duration;

use async_trait::async_trait;

use super::{BATCHES_MAX, Count, Job, Period, Tally, WorksOn};
use crate::booking::cancel_booking::{self, Reason};
use crate::booking::{BookingError, Context};
use crate::storage::{bookings, reservations};

/// Bookings cancelled one after the other before the holds are looked at again.
const BOOKINGS_MAX: u32 = 100;

/// The job.
pub struct RefundCancelled;

#[async_trait]
impl Job for RefundCancelled {
    fn name(&self) -> &'static str {
        "refund-cancelled"
    }

    fn summary(&self) -> &'static str {
        "Cancel the holds and refund the bookings of cancelled events"
    }

    fn period(&self) -> Period {
        Period { flag: "refund-every", default: Duration::from_secs(1) }
    }

    fn works_on(&self) -> WorksOn {
        WorksOn::Payments
    }

    async fn round(&self, context: &Context, batch: u32) -> Result<Tally, BookingError> {
        let limit = i64::from(batch.min(BOOKINGS_MAX));
        let (mut refunded, mut freed) = (0, 0);
        for _ in 0..BATCHES_MAX {
            let holds = cancel_holds(context, limit).await?;
            let batch = {
                let mut connection = context.storage.connection().await?;
                bookings::of_cancelled_events(&mut connection, limit).await?
            };
            if holds == 0 && batch.is_empty() {
                break;
            }
            freed += holds;
            for booking in batch {
                let reason = Reason::EventCancelled;
                let cancelled = cancel_booking::cancel_and_refund(context, booking, reason).await?;
                refunded += u64::from(cancelled);
            }
        }
        Ok(tally(refunded, freed))
    }

    async fn due(&self, context: &Context) -> Result<Tally, BookingError> {
        let mut connection = context.storage.connection().await?;
        let (bookings, holds) = bookings::count_of_cancelled_events(&mut connection).await?;
        Ok(tally(bookings, holds))
    }
}

async fn cancel_holds(context: &Context, limit: i64) -> Result<u64, BookingError> {
    let (holds, events) = context
        .storage
        .statement("cancel holds of cancelled events", async |mut connection| {
            reservations::cancel_of_cancelled_events(&mut connection, limit).await
        })
        .await?;
    metrics::counter!("ticketctl_holds_cancelled_total", "reason" => "event_cancelled")
        .increment(holds);
    context.seats_changed(&events).await;
    Ok(holds)
}

fn tally(bookings: u64, holds: u64) -> Tally {
    Tally(vec![
        Count {
            key: "bookings",
            number: bookings,
            noun: "booking",
            done: "refunded",
            due: Some("to refund"),
        },
        Count {
            key: "holds",
            number: holds,
            noun: "hold",
            done: "cancelled",
            due: Some("to cancel"),
        },
    ])
}
