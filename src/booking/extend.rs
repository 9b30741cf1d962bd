//! Keeping a hold a little longer: once, while it lives.

use super::{BookingError, Desk};
use crate::domain::{HoldTtl, Refusal, Reservation, ReservationId, ReservationState, UserId};
use crate::storage::{StorageError, reservations};

/// Moves the end of the caller's live hold by `ttl`, once.
pub async fn extend(
    desk: &Desk,
    user: UserId,
    id: ReservationId,
    ttl: HoldTtl,
) -> Result<Reservation, BookingError> {
    let found = {
        let mut connection = desk.storage.connection().await?;
        reservations::find(&mut connection, id).await?.ok_or(Refusal::NotFound("reservation"))?
    };
    if found.user != user {
        return Err(Refusal::NotOwner("reservation").into());
    }
    let extended = desk
        .storage
        .statement("extend", async |mut connection| {
            reservations::extend(&mut connection, id, f64::from(ttl.seconds()))
                .await
                .map_err(BookingError::from)
        })
        .await?;
    let now = {
        let mut connection = desk.storage.connection().await?;
        reservations::find(&mut connection, id)
            .await?
            .ok_or(StorageError::Impossible("reservation"))?
    };
    match (extended, now.state) {
        (true, _) => Ok(now),
        (false, ReservationState::Held) => Err(Refusal::AlreadyExtended.into()),
        (false, ended) => Err(Refusal::ReservationEnded(ended).into()),
    }
}
