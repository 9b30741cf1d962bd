//! What is said of a refusal.

/// Whether a refusal had a cause.
pub enum Judged {
    /// It may have had.
    MayHaveCause,
    /// It certainly had none: this.
    WithoutCause(String),
}
