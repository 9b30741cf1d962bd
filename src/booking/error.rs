//! How a use case ends when it doesn't end well: refused for certain, or not known to have happened.

use crate::domain::Refusal;
use crate::storage::StorageError;
use crate::storage::transaction::AsRetryable;

/// The three ends besides success.
#[derive(Debug, thiserror::Error)]
pub enum BookingError {
    /// Refused: nothing happened, and that is certain.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The key was used before: the caller is to be told what became of that request.
    #[error("the idempotency key was used before")]
    KeyUsed,
    /// The database failed; what was under way may have happened.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// No majority of lock nodes, and the server is set to refuse then; nothing happened.
    #[error("no majority of the lock nodes answers")]
    LocksUnreachable,
    /// The provider gave no answer: money may have moved. Recovery finds out.
    #[error("the payment provider gave no answer: {0}")]
    PaymentUnknown(String),
}

impl AsRetryable for BookingError {
    fn of_storage(&self) -> Option<&StorageError> {
        if let Self::Storage(error) = self { Some(error) } else { None }
    }
}
