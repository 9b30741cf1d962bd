//! What can go wrong with signing in.

use crate::storage::StorageError;

/// Why somebody isn't let in.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// No such address, or another password: which of them is nobody's business.
    #[error("the address or the password is wrong")]
    WrongCredentials,
    /// A refresh token that is unknown, over, used or revoked.
    #[error("the refresh token does not hold, log in again")]
    TokenRefused,
    /// More passwords are waiting to be hashed than will be soon.
    #[error("too many passwords are being checked at once")]
    Busy,
    /// PostgreSQL failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A password was not hashed or a token not signed: a defect of ours.
    #[error("{0}")]
    Broken(String),
}
