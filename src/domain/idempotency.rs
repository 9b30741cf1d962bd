//! One key, one effect. Source: IETF draft-ietf-httpapi-idempotency-key-header.

/// Longest key, in characters.
pub const KEY_LENGTH_MAX: usize = 255;

/// What a client names one logical operation by: 1 to [`KEY_LENGTH_MAX`] visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

/// Text that is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an idempotency key is 1 to {KEY_LENGTH_MAX} visible ASCII characters")]
pub struct IdempotencyKeyError;

impl IdempotencyKey {
    /// Refuses the empty, the over-long and anything but visible ASCII.
    pub fn parse(text: &str) -> Result<Self, IdempotencyKeyError> {
        let fits = (1..=KEY_LENGTH_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        if fits { Ok(Self(text.to_owned())) } else { Err(IdempotencyKeyError) }
    }

    /// A key that the server makes from another, by its SHA-256.
    pub fn of_digest(digest: &[u8; 32]) -> Self {
        let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
        let digits = digest.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
        Self("one-step.".chars().chain(digits).collect())
    }

    /// The key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// SHA-256 over route and body: the same key with another hash is another request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestHash(pub [u8; 32]);

/// An answer kept to be repeated byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredResponse {
    /// HTTP status, 200 to 599.
    pub status: u16,
    /// The body as sent.
    pub body: String,
}

/// Where a keyed operation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordState {
    /// Somebody works on it, or died doing so.
    InProgress,
    /// It took effect.
    Success,
    /// It ended without effect.
    Failed,
}

impl RecordState {
    /// The word in the database and in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::InProgress => "IN_PROGRESS",
            Self::Success => "SUCCESS",
            Self::Failed => "FAILED",
        }
    }

    /// The state of this word, if it is one.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::InProgress, Self::Success, Self::Failed]
            .into_iter()
            .find(|state| state.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::{IdempotencyKey, KEY_LENGTH_MAX};

    #[test]
    fn a_key_is_bounded_and_visible() {
        for bad in ["", "two words", "tab\t", "ключ", &"k".repeat(KEY_LENGTH_MAX + 1)] {
            assert!(IdempotencyKey::parse(bad).is_err(), "{bad:?} was taken");
        }
        assert!(IdempotencyKey::parse(&"k".repeat(KEY_LENGTH_MAX)).is_ok());
    }
}
