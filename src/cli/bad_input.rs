//! The error of every command for what it was given and cannot use.

/// What the user gave can't be used as it is.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadInput(pub String);
