//! Checking in: a ticket lets its bearer in exactly once, however many scan it at once.

use time::OffsetDateTime;

use super::{BookingError, Context};
use crate::domain::Refusal;
use crate::storage::StorageError;
use crate::storage::tickets::{self, Ticket};

/// Uses the ticket up, or says when it was, or that it is cancelled.
pub async fn check_in(context: &Context, ticket: &Ticket) -> Result<OffsetDateTime, BookingError> {
    let number = ticket.number.as_str();
    let used = context
        .storage
        .statement("check in", async |mut connection| {
            tickets::check_in(&mut connection, number).await.map_err(BookingError::from)
        })
        .await?;
    if let Some(at) = used {
        return Ok(at);
    }
    let mut connection = context.storage.connection().await?;
    let now = tickets::find(&mut connection, number).await?;
    Err(match now.ok_or(StorageError::Impossible("ticket"))? {
        Ticket { checked_in_at: Some(at), .. } => Refusal::TicketUsed(at).into(),
        // Its booking is cancelled, or will be, because its event is.
        Ticket { .. } => Refusal::TicketCancelled.into(),
    })
}
