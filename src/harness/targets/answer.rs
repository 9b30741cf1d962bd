//! What a target answers, as far as it matters to buyers and to the record. Knows nothing of how it was read.

use std::time::Duration;

use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;

use crate::harness::recorder::{Outcome, SeatState, Told};
use crate::wire::Availability;
use crate::wire::server_timing::Timings;

/// What the buyer knows after an order was sent.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The outcome.
    pub outcome: Outcome,
    /// What it says, when ok.
    pub said: Said,
    /// Why it was refused, when it was.
    pub refused: Refused,
    /// Set where asking again with the same key makes sense: how long the server asks to wait, 0 when it doesn't say.
    pub retry_after: Option<Duration>,
    /// HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// The server marked the answer as a replay.
    pub replayed: bool,
    /// SHA-256 (hex) of the request's body.
    pub request_sha256: String,
    /// SHA-256 (hex) of the answer's body, where there was one.
    pub response_sha256: Option<String>,
    /// Machine-readable reason of a refusal.
    pub reason: Option<String>,
    /// Why, when not ok.
    pub detail: String,
    /// What it took of each dependency, as far as the server says.
    pub dependencies: Timings,
}

/// What an answer says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// Of reservations and bookings.
    pub told: Vec<Told>,
    /// Whom a ticket let in.
    pub checked_in: Option<CheckedIn>,
    /// Of what is left.
    pub availability: Option<Availability>,
    /// Of seats.
    pub seats: Vec<SeatState>,
    /// Where the next page of a seat map begins; none after the last.
    pub next_cursor: Option<String>,
}

/// A ticket was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckedIn {
    /// Its seat.
    pub seat: i64,
    /// When, database time.
    pub at: OffsetDateTime,
}

/// A refusal, as far as buyers care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Somebody else has the seats.
    SeatsTaken,
    /// Fewer tickets are left than were asked for.
    SoldOut,
    /// Somebody else is at the same seats: the same request may be granted a moment later.
    Contended,
    /// The card was declined.
    Declined,
    /// Anything else.
    Otherwise,
}

/// What became of a key.
#[derive(Debug, Clone)]
pub enum KeyFate {
    /// It had this effect.
    Granted(Box<Told>),
    /// It had no effect and will have none.
    None,
    /// It may have had one, or have it yet.
    Unknown,
}

/// SHA-256 in lower-case hexadecimal.
pub fn sha256_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digest = Sha256::digest(bytes);
    digest
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}
