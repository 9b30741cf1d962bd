//! The door: a ticket lets its bearer in exactly once, however many doors there are.

use time::OffsetDateTime;

use super::{BookingError, Context};
use crate::domain::Refusal;
use crate::storage::StorageError;
use crate::storage::tickets::{self, Ticket};

/// Uses the ticket up, or says when it was or that it was given back.
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
        // Its booking was given back, or will be, because the event was called off.
        Ticket { .. } => Refusal::TicketCancelled.into(),
    })
}
