//! What buyers make of the answers to their orders, and when they ask again. Knows nothing of how anything is sent.

use std::time::Duration;

use uuid::Uuid;

use crate::harness::recorder::{Outcome, Told};
use crate::harness::targets::{Booked, Held, Order, Refused};

/// How often a buyer asks before giving up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retries {
    /// Asks once: without a key, asking again may be another operation.
    Never,
    /// Asks three times, as a good client does.
    Client,
    /// Asks until the outcome is known, at most 20 times.
    UntilKnown,
}

impl Retries {
    /// Requests in all.
    pub fn tries(self) -> u32 {
        match self {
            Self::Never => 1,
            Self::Client => 3,
            Self::UntilKnown => 20,
        }
    }

    /// Whether to ask once more after this answer.
    pub fn asks_again(self, answered: &Answered) -> bool {
        let makes_sense = answered.retry_after.is_some() || answered.refused == Refused::Contended;
        match self {
            Self::Never => false,
            Self::Client => makes_sense,
            Self::UntilKnown => answered.outcome == Outcome::Info || makes_sense,
        }
    }
}

/// How an order ended, for the buyer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended<T> {
    /// Granted.
    Ok(T),
    /// Refused for certain.
    Refused(Refused),
    /// Not known.
    Unknown,
}

impl<T> Ended<T> {
    /// The same end, of something else.
    pub fn map<U>(self, other: impl FnOnce(T) -> U) -> Ended<U> {
        match self {
            Self::Ok(granted) => Ended::Ok(other(granted)),
            Self::Refused(refused) => Ended::Refused(refused),
            Self::Unknown => Ended::Unknown,
        }
    }
}

/// An order on its way: which event it is for and under which key it goes, where it has one.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Index of the event.
    pub event: usize,
    /// Idempotency key.
    pub key: Option<&'a str>,
    /// The order.
    pub order: &'a Order,
}

/// What a buyer keeps of a reply.
#[derive(Debug, Clone)]
pub struct Answered {
    /// The outcome.
    pub outcome: Outcome,
    /// HTTP status.
    pub status: Option<u16>,
    /// Set where asking again makes sense; how long to wait first.
    pub retry_after: Option<Duration>,
    /// Why it was refused.
    pub refused: Refused,
    /// The seats it was about, as the answer names them when ok.
    pub seats: Vec<i64>,
    /// The reservation used or obtained.
    pub reservation: Option<Uuid>,
    /// What it says of reservations and bookings.
    pub told: Vec<Told>,
}

/// The end of a hold.
pub fn held(answered: Option<&Answered>) -> Ended<Held> {
    match answered {
        Some(Answered { outcome: Outcome::Ok, reservation: Some(reservation), seats, .. }) => {
            Ended::Ok(Held { reservation: *reservation, seats: seats.clone() })
        }
        Some(Answered { outcome: Outcome::Fail, refused, .. }) => Ended::Refused(*refused),
        _ => Ended::Unknown,
    }
}

/// The end of a payment.
pub fn booked(answered: Option<&Answered>) -> Ended<Booked> {
    match answered {
        Some(Answered { outcome: Outcome::Ok, told, .. }) => {
            told.first().and_then(as_booked).map_or(Ended::Unknown, Ended::Ok)
        }
        Some(Answered { outcome: Outcome::Fail, refused, .. }) => Ended::Refused(*refused),
        _ => Ended::Unknown,
    }
}

/// The booking that an answer tells of.
fn as_booked(told: &Told) -> Option<Booked> {
    Some(Booked {
        booking: told.booking?,
        reservation: told.reservation,
        seats: told.seats.clone(),
        reference: told.reference.clone()?,
        tickets: told.tickets.clone(),
    })
}
