//! Keyed requests and their answers: rendered inside the transaction that makes them true, stored with it, repeated byte
//! for byte. Knows nothing of how they look on the wire.

use crate::domain::{
    Booking, IdempotencyKey, Refusal, RequestHash, Reservation, StoredResponse, UserId,
};

/// What a key was used for, as one request sees it.
#[derive(Debug, Clone)]
pub struct KeyedRequest {
    /// Whose key.
    pub user: UserId,
    /// The key.
    pub key: IdempotencyKey,
    /// Hash of the request now sent with it.
    pub hash: RequestHash,
}

/// An answer, and whether it was given before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The answer.
    pub response: StoredResponse,
    /// It is repeated, byte for byte.
    pub replayed: bool,
}

impl Answer {
    /// An answer given for the first time.
    pub fn new(response: StoredResponse) -> Self {
        Self { response, replayed: false }
    }

    /// An answer given again.
    pub fn replayed(response: StoredResponse) -> Self {
        Self { response, replayed: true }
    }
}

/// How answers are written.
#[derive(Debug, Clone, Copy)]
pub struct Render {
    /// The answer to a successful hold.
    pub reservation: fn(&Reservation) -> StoredResponse,
    /// The answer to a successful confirmation.
    pub booking: fn(&Booking) -> StoredResponse,
    /// The answer to a refusal that is stored.
    pub refusal: fn(&Refusal) -> StoredResponse,
    /// The answer to a request that its server left behind without an effect.
    pub left_behind: fn() -> StoredResponse,
}
