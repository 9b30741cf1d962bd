//! Why a request is refused: a definite answer, after which nothing has changed.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{BookingState, EventStatus, Holds, ReservationState, Role, SeatId, TicketLimit};

/// A refusal. Everything here is certain; what is unknown is never one of these.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Somebody else holds or has bought these seats.
    #[error("{}", seats_taken(.0))]
    SeatsUnavailable(Vec<SeatId>),
    /// Other buyers are after the same seats; none of them was taken for this one.
    #[error("too many buyers want these seats right now, try again")]
    Contended,
    /// These seats are not seats of that event.
    #[error("{}", seats_unknown(.0))]
    UnknownSeats(Vec<SeatId>),
    /// Fewer tickets are left than were asked for.
    #[error("{}", tickets_left(*.0))]
    NotEnoughLeft(usize),
    /// Its seats have places, and the order named none.
    #[error("seats of this event are chosen, name the ones you want in seat_ids")]
    SeatsHavePlaces,
    /// The event is not on sale.
    #[error("the event is {}, nothing of it is on sale", .0.name())]
    NotOnSale(EventStatus),
    /// The event's sale ended.
    #[error("the sale of this event ended at {}", time_of(*.0))]
    SalesEnded(OffsetDateTime),
    /// The user would have more tickets than one user may.
    #[error("one user may have {} tickets of this event", .0.get())]
    TicketLimit(TicketLimit),
    /// The user would hold more of the event than one user may at a time.
    #[error("one user may hold {} seats of an event at a time, in {} holds: pay for one or give one up first", .0.seats, .0.holds)]
    HoldLimit(Holds),
    /// Somebody else changed the event meanwhile.
    #[error("the event was changed by somebody else, read it again and use its new ETag")]
    Changed,
    /// An event can't go from here to there.
    #[error("an event that is {} can't become {}", .0.name(), .1.name())]
    NoSuchStep(EventStatus, EventStatus),
    /// Only a draft can be changed in this way.
    #[error("{0} can be changed only while the event is a draft")]
    NotDraft(&'static str),
    /// An event on sale has to be cancelled before it is deleted.
    #[error("the event is on sale, cancel it before you delete it")]
    OnSale,
    /// An event without seats can't be put on sale.
    #[error("the event has no seats, upload its seat map first")]
    NoSeats,
    /// No such thing.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// It belongs to somebody else.
    #[error("this {0} belongs to somebody else")]
    NotOwner(&'static str),
    /// The caller's role may not do this.
    #[error("a user in the role {} may not do this", .0.name())]
    RoleNotAllowed(Role),
    /// The reservation ended before it could be used.
    #[error("the reservation is {}, hold the seats again", .0.name())]
    ReservationEnded(ReservationState),
    /// The hold was extended before.
    #[error("a reservation can be extended once, and this one was")]
    AlreadyExtended,
    /// The booking is not one that can be cancelled.
    #[error("the booking is {}", .0.name())]
    BookingEnded(BookingState),
    /// The event took place, so its bookings can't be cancelled.
    #[error("the event is over, its bookings stay as they are")]
    EventOver,
    /// The ticket was checked in before.
    #[error("the ticket was used at {}", time_of(*.0))]
    TicketUsed(OffsetDateTime),
    /// The ticket belongs to a booking that was cancelled.
    #[error("the ticket was cancelled")]
    TicketCancelled,
    /// A payment for the reservation is under way or done under another key.
    #[error("the reservation is being paid for already, ask for its booking")]
    AlreadyPaying,
    /// The provider refused the charge.
    #[error("the payment was declined, use another payment method")]
    PaymentDeclined,
    /// The charge was captured, the seats were lost meanwhile, and the charge was refunded.
    #[error("the hold ended before the payment was captured, the payment was refunded")]
    RefundedAfterLoss,
    /// The key was used for another request.
    #[error("this idempotency key was used for a different request, use a new one")]
    KeyReused,
    /// The first request with this key has not ended.
    #[error("the first request with this idempotency key is still running, ask again")]
    InProgress,
}

impl Refusal {
    /// Why nothing of an event in this status can be held, whose sale ends then and is over or not by the database's clock;
    /// `None` where it can.
    pub fn of_sale(
        status: EventStatus,
        sales_end_at: OffsetDateTime,
        is_over: bool,
    ) -> Option<Self> {
        match status {
            // Of a draft, nobody is told.
            EventStatus::Draft => Some(Self::NotFound("event")),
            EventStatus::Published => is_over.then_some(Self::SalesEnded(sales_end_at)),
            EventStatus::Cancelled | EventStatus::Completed => Some(Self::NotOnSale(status)),
        }
    }

    /// Whether it is the answer to its request for good. Others say that it was not decided: the same request with the same
    /// idempotency key may come to something else.
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::Contended | Self::AlreadyPaying | Self::KeyReused | Self::InProgress)
    }
}

/// A time as answers write it. Source: RFC 3339.
fn time_of(at: OffsetDateTime) -> String {
    at.format(&Rfc3339).unwrap_or_else(|_far_off| at.to_string())
}

fn seats_taken(seats: &[SeatId]) -> String {
    format!("{} not available", numbered(seats))
}

fn tickets_left(left: usize) -> String {
    match left {
        0 => "no tickets are left".to_owned(),
        1 => "only 1 ticket is left".to_owned(),
        left => format!("only {left} tickets are left"),
    }
}

fn seats_unknown(seats: &[SeatId]) -> String {
    format!("{} not part of this event", numbered(seats))
}

fn numbered(seats: &[SeatId]) -> String {
    let ids: Vec<String> = seats.iter().map(|seat| seat.0.to_string()).collect();
    match ids.as_slice() {
        [one] => format!("seat {one} is"),
        many => format!("seats {} are", many.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::{Refusal, SeatId};

    #[test]
    fn a_refusal_names_the_seats() {
        assert_eq!(
            Refusal::SeatsUnavailable(vec![SeatId(4)]).to_string(),
            "seat 4 is not available"
        );
        assert_eq!(
            Refusal::UnknownSeats(vec![SeatId(1), SeatId(2)]).to_string(),
            "seats 1, 2 are not part of this event"
        );
    }
}
