//! Giving a hold up. A payment that is under way finds its seats gone and is refunded.

use super::{BookingError, Context};
use crate::domain::{Refusal, Reservation, ReservationId, ReservationState, UserId};
use crate::storage::{StorageError, Tx, reservations};

/// Cancels the caller's live hold and frees its seats. Cancelling again changes nothing and answers the same.
pub async fn cancel(
    context: &Context,
    user: UserId,
    id: ReservationId,
) -> Result<Reservation, BookingError> {
    let (cancelled, freed) = context
        .storage
        .transaction("cancel", async |mut tx: Tx| {
            let found = reservations::find(&mut tx, id).await?;
            let mut reservation = found.ok_or(Refusal::NotFound("reservation"))?;
            if reservation.user != user {
                return Err(Refusal::NotOwner("reservation").into());
            }
            if reservations::cancel(&mut tx, id).await? {
                reservation.state = ReservationState::Cancelled;
                return Ok::<_, BookingError>((tx, (reservation, true)));
            }
            let now = reservations::find(&mut tx, id)
                .await?
                .ok_or(StorageError::Impossible("reservation"))?;
            match now.state {
                ReservationState::Cancelled => Ok((tx, (now, false))),
                ended => Err(BookingError::Refused(Refusal::ReservationEnded(ended))),
            }
        })
        .await?;
    if freed {
        metrics::counter!("ticketctl_holds_cancelled_total", "reason" => "given_up").increment(1);
        context.seats_changed(&[cancelled.event]).await;
    }
    Ok(cancelled)
}
