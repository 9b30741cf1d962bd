//! Keeping a hold a little longer: once, while it lives.

use super::{BookingError, Context};
use crate::domain::{Refusal, Reservation, ReservationId, ReservationState, UserId};
use crate::storage::{StorageError, events, reservations};

/// Keeps the caller's live hold for as long again as it was made for, once, while the event's sale goes on: a hold lasts
/// twice the server's hold time at most.
pub async fn extend(
    context: &Context,
    user: UserId,
    id: ReservationId,
) -> Result<Reservation, BookingError> {
    let found = {
        let mut connection = context.storage.connection().await?;
        reservations::find(&mut connection, id).await?.ok_or(Refusal::NotFound("reservation"))?
    };
    if found.user != user {
        return Err(Refusal::NotOwner("reservation").into());
    }
    let extended = context
        .storage
        .statement("extend", async |mut connection| {
            reservations::extend(&mut connection, id).await.map_err(BookingError::from)
        })
        .await?;
    metrics::counter!("ticketctl_holds_extended_total").increment(u64::from(extended));
    let mut connection = context.storage.connection().await?;
    let now = reservations::find(&mut connection, id).await?;
    let now = now.ok_or(StorageError::Impossible("reservation"))?;
    match (extended, now.state) {
        (true, _) => Ok(now),
        (false, ReservationState::Held) => {
            let off_sale = events::why_not_on_sale(&mut connection, now.event).await?;
            Err(off_sale.unwrap_or(Refusal::AlreadyExtended).into())
        }
        (false, ended) => Err(Refusal::ReservationEnded(ended).into()),
    }
}
