//! What is asked of a target, in words that any booking API has. Knows nothing of how it is sent.

use std::time::Duration;

use reqwest::header::HeaderValue;
use uuid::Uuid;

use crate::harness::recorder::OpKind;

/// A buyer, signed in.
#[derive(Debug, Clone)]
pub struct Buyer {
    /// User id.
    pub id: Uuid,
    /// Value of the `Authorization` header.
    pub authorization: HeaderValue,
}

/// What a user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Buy.
    Customer,
    /// Change events, too.
    Admin,
}

/// Who asks which server about which event, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// Who asks.
    pub buyer: &'a Buyer,
    /// The event.
    pub event: Uuid,
    /// Index of the server.
    pub server: usize,
    /// Idempotency key to send.
    pub key: Option<&'a str>,
    /// How long to wait for the answer.
    pub timeout: Duration,
}

/// What a buyer is after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// These seats.
    Seats(Vec<i64>),
    /// So many tickets without a place.
    Any(u32),
}

impl Wanted {
    /// Its parts in a body: seats, quantity.
    pub fn parts(&self) -> (Vec<i64>, Option<u32>) {
        match self {
            Self::Seats(seats) => (seats.clone(), None),
            Self::Any(quantity) => (Vec::new(), Some(*quantity)),
        }
    }
}

/// Seats held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The reservation.
    pub reservation: Uuid,
    /// Its seats.
    pub seats: Vec<i64>,
}

/// Seats bought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booked {
    /// The booking.
    pub booking: Uuid,
    /// The reservation it was made from.
    pub reservation: Uuid,
    /// Its seats.
    pub seats: Vec<i64>,
}

/// An order to hold.
#[derive(Debug, Clone)]
pub struct Hold {
    /// Seats.
    pub wanted: Wanted,
    /// How long; whole seconds.
    pub ttl: Duration,
}

/// An order to pay for what is held.
#[derive(Debug, Clone)]
pub struct Confirm {
    /// Seats.
    pub held: Held,
    /// With which card.
    pub payment_method: &'static str,
}

/// An order to hold and pay in one step.
#[derive(Debug, Clone)]
pub struct Book {
    /// Seats.
    pub wanted: Wanted,
    /// With which card.
    pub payment_method: &'static str,
}

/// What is sent, perhaps many times.
#[derive(Debug, Clone)]
pub enum Order {
    /// Hold seats.
    Hold(Hold),
    /// Pay for the seats held.
    Confirm(Confirm),
    /// Hold and pay in one step.
    Book(Book),
    /// Cancel a hold.
    Cancel(Held),
    /// Cancel a booking.
    CancelBooking(Booked),
    /// Cancel the event of this version.
    CancelEvent(String),
}

impl Order {
    /// What it asks for.
    pub fn kind(&self) -> OpKind {
        match self {
            Self::Hold(_) => OpKind::Hold,
            Self::Confirm(_) => OpKind::Confirm,
            Self::Book(_) => OpKind::Book,
            Self::Cancel(_) => OpKind::Cancel,
            Self::CancelBooking(_) => OpKind::CancelBooking,
            Self::CancelEvent(_) => OpKind::CancelEvent,
        }
    }
}
