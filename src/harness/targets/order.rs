//! What is asked of a target, in words that any booking API has. Knows nothing of how it is sent.

use std::time::Duration;

use reqwest::header::HeaderValue;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::harness::recorder::{OpKind, Role};

/// A buyer, signed in.
#[derive(Debug, Clone)]
pub struct Buyer {
    /// User id.
    pub id: Uuid,
    /// What the user may do.
    pub role: Role,
    /// Value of the `Authorization` header.
    pub authorization: HeaderValue,
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
    /// Its seats, sorted.
    pub seats: Vec<i64>,
    /// Its reference.
    pub reference: String,
    /// Its tickets, in the order of the seats.
    pub tickets: Vec<String>,
}

/// A ticket to be let in with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Its number.
    pub number: String,
    /// Its seat.
    pub seat: i64,
    /// The booking it belongs to.
    pub booking: Uuid,
    /// The reservation that was made from.
    pub reservation: Uuid,
}

impl Ticket {
    /// Those of a booking, in the order of its seats.
    pub fn all_of(booked: &Booked) -> impl Iterator<Item = Self> {
        booked.tickets.iter().zip(&booked.seats).map(|(number, seat)| Self {
            number: number.clone(),
            seat: *seat,
            booking: booked.booking,
            reservation: booked.reservation,
        })
    }

    /// The first one of a booking.
    pub fn first_of(booked: &Booked) -> Option<Self> {
        Self::all_of(booked).next()
    }
}

/// What a reader wants to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Read {
    /// A reservation.
    Reservation(Uuid),
    /// A booking.
    Booking(Uuid),
    /// A booking, by its reference.
    Reference(String),
    /// A ticket as it is printed, by its number.
    Ticket(String),
    /// What became of a key.
    Key(String),
    /// This user's reservations, the newest.
    ReservationsOf(Uuid),
    /// This user's bookings, the newest.
    BookingsOf(Uuid),
    /// What is left of the event.
    Availability,
    /// A page of the event's seat map.
    Seats(Page),
}

/// A page of a seat map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The seat that it has to come after: of the page before it, the last one.
    pub after: i64,
    /// What the page before it named as its cursor; none where it is the first that is looked at.
    pub cursor: Option<String>,
}

impl Page {
    /// The page after this seat, or, after 0, the first.
    pub fn after(seat: i64) -> Self {
        Self { after: seat, cursor: None }
    }
}

impl Read {
    /// What it asks for.
    pub fn kind(&self) -> OpKind {
        match self {
            Self::Reservation(_) => OpKind::ReadReservation,
            Self::Booking(_) | Self::Reference(_) => OpKind::ReadBooking,
            Self::Ticket(_) => OpKind::ReadTicket,
            Self::Key(_) => OpKind::ReadKey,
            Self::ReservationsOf(_) => OpKind::ListReservations,
            Self::BookingsOf(_) => OpKind::ListBookings,
            Self::Availability => OpKind::ReadAvailability,
            Self::Seats(_) => OpKind::ReadSeats,
        }
    }
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

/// What is to become of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventChange {
    /// It is called off.
    Cancel,
    /// It gets another title and another start.
    Edit {
        /// Title.
        title: String,
        /// Start.
        starts_at: OffsetDateTime,
    },
    /// It is taken away; only one that is not on sale.
    Delete,
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
    /// Keep a hold for longer.
    Extend(Held),
    /// Cancel a booking.
    CancelBooking(Booked),
    /// Let somebody in.
    CheckIn(Ticket),
    /// Change the event that still has this version.
    ChangeEvent(EventChange, String),
    /// Change nothing, and see.
    Read(Read),
}

impl Order {
    /// What it asks for.
    pub fn kind(&self) -> OpKind {
        match self {
            Self::Hold(_) => OpKind::Hold,
            Self::Confirm(_) => OpKind::Confirm,
            Self::Book(_) => OpKind::Book,
            Self::Cancel(_) => OpKind::Cancel,
            Self::Extend(_) => OpKind::Extend,
            Self::CancelBooking(_) => OpKind::CancelBooking,
            Self::CheckIn(_) => OpKind::CheckIn,
            Self::ChangeEvent(EventChange::Cancel, _) => OpKind::CancelEvent,
            Self::ChangeEvent(EventChange::Edit { .. }, _) => OpKind::EditEvent,
            Self::ChangeEvent(EventChange::Delete, _) => OpKind::DeleteEvent,
            Self::Read(read) => read.kind(),
        }
    }
}
