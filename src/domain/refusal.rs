//! Why a request is refused: a definite answer, after which nothing has changed.

use super::{ReservationState, SeatId};

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
    /// No such thing.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// It belongs to somebody else.
    #[error("this {0} belongs to somebody else")]
    NotOwner(&'static str),
    /// The reservation ended before it could be used.
    #[error("the reservation is {}, hold the seats again", .0.name())]
    ReservationEnded(ReservationState),
    /// A payment for the reservation is under way or done under another key.
    #[error("the reservation is being paid for already, ask for its booking")]
    AlreadyPaying,
    /// The provider refused the charge.
    #[error("the payment was declined, use another payment method")]
    PaymentDeclined,
    /// The charge was captured, the seats were lost meanwhile, and the money went back.
    #[error("the hold ended before the payment was captured, the payment was refunded")]
    RefundedAfterLoss,
    /// The key was used for another request.
    #[error("this idempotency key was used for a different request, use a new one")]
    KeyReused,
    /// The first request with this key has not ended.
    #[error("the first request with this idempotency key is still running, ask again")]
    InProgress,
}

fn seats_taken(seats: &[SeatId]) -> String {
    format!("{} not available", numbered(seats))
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
