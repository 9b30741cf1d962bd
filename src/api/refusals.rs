//! How each refusal looks from outside: its status and its machine-readable reason. Knows nothing of envelopes.

use axum::http::StatusCode;

use crate::domain::Refusal;
use crate::wire::Reason;

/// The status of a refusal.
pub fn status_of(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::SeatsUnavailable(_)
        | Refusal::Contended
        | Refusal::NotEnoughLeft(_)
        | Refusal::NotOnSale(_)
        | Refusal::SalesEnded(_)
        | Refusal::TicketLimit(_)
        | Refusal::HoldLimit(_)
        | Refusal::NoSuchStep(..)
        | Refusal::NotDraft(_)
        | Refusal::OnSale
        | Refusal::NoSeats
        | Refusal::AlreadyExtended
        | Refusal::BookingEnded(_)
        | Refusal::EventOver
        | Refusal::TicketUsed(_)
        | Refusal::TicketCancelled
        | Refusal::AlreadyPaying
        | Refusal::InProgress => StatusCode::CONFLICT,
        Refusal::UnknownSeats(_) | Refusal::SeatsHavePlaces | Refusal::KeyReused => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        Refusal::NotFound(_) => StatusCode::NOT_FOUND,
        Refusal::NotOwner(_) | Refusal::RoleNotAllowed(_) => StatusCode::FORBIDDEN,
        Refusal::ReservationEnded(_) | Refusal::RefundedAfterLoss => StatusCode::GONE,
        Refusal::Changed => StatusCode::PRECONDITION_FAILED,
        Refusal::PaymentDeclined => StatusCode::PAYMENT_REQUIRED,
    }
}

/// The machine-readable reason of a refusal: the `field` of its one error.
pub fn reason_of(refusal: &Refusal) -> Reason {
    match refusal {
        Refusal::SeatsUnavailable(_) => Reason::SeatUnavailable,
        Refusal::Contended => Reason::SeatContended,
        Refusal::UnknownSeats(_) => Reason::SeatIds,
        Refusal::NotEnoughLeft(_) => Reason::SoldOut,
        Refusal::SeatsHavePlaces => Reason::Quantity,
        Refusal::NotOnSale(_) => Reason::NotOnSale,
        Refusal::SalesEnded(_) => Reason::SalesEnded,
        Refusal::TicketLimit(_) => Reason::TicketLimit,
        Refusal::HoldLimit(_) => Reason::HoldLimit,
        Refusal::Changed => Reason::IfMatch,
        Refusal::NoSuchStep(..) | Refusal::OnSale => Reason::Status,
        Refusal::NotDraft(_) => Reason::NotDraft,
        Refusal::NoSeats => Reason::NoSeats,
        Refusal::NotFound(_) => Reason::NotFound,
        Refusal::NotOwner(_) => Reason::NotOwner,
        Refusal::RoleNotAllowed(_) => Reason::Role,
        Refusal::ReservationEnded(_) => Reason::ReservationEnded,
        Refusal::AlreadyExtended => Reason::AlreadyExtended,
        Refusal::BookingEnded(_) => Reason::BookingEnded,
        Refusal::EventOver => Reason::EventOver,
        Refusal::TicketUsed(_) => Reason::TicketUsed,
        Refusal::TicketCancelled => Reason::TicketCancelled,
        Refusal::AlreadyPaying => Reason::AlreadyPaying,
        Refusal::PaymentDeclined => Reason::PaymentDeclined,
        Refusal::RefundedAfterLoss => Reason::Refunded,
        Refusal::KeyReused | Refusal::InProgress => Reason::IdempotencyKey,
    }
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;
    use crate::domain::{
        BookingState, EventStatus, Holds, ReservationState, Role, SeatId, TicketLimit,
    };

    /// One of every kind.
    fn every_refusal() -> Vec<Refusal> {
        let seats = || vec![SeatId(1)];
        vec![
            Refusal::SeatsUnavailable(seats()),
            Refusal::Contended,
            Refusal::UnknownSeats(seats()),
            Refusal::NotEnoughLeft(0),
            Refusal::SeatsHavePlaces,
            Refusal::NotOnSale(EventStatus::Draft),
            Refusal::SalesEnded(OffsetDateTime::UNIX_EPOCH),
            Refusal::TicketLimit(TicketLimit::new(1).unwrap()),
            Refusal::HoldLimit(Holds::USUAL),
            Refusal::Changed,
            Refusal::NoSuchStep(EventStatus::Completed, EventStatus::Draft),
            Refusal::NotDraft("the seat map"),
            Refusal::OnSale,
            Refusal::NoSeats,
            Refusal::NotFound("event"),
            Refusal::NotOwner("event"),
            Refusal::RoleNotAllowed(Role::Customer),
            Refusal::ReservationEnded(ReservationState::Expired),
            Refusal::AlreadyExtended,
            Refusal::BookingEnded(BookingState::Expired),
            Refusal::EventOver,
            Refusal::TicketUsed(OffsetDateTime::UNIX_EPOCH),
            Refusal::TicketCancelled,
            Refusal::AlreadyPaying,
            Refusal::PaymentDeclined,
            Refusal::RefundedAfterLoss,
            Refusal::KeyReused,
            Refusal::InProgress,
        ]
    }

    #[test]
    fn every_reason_is_given_by_a_refusal_but_those_of_counting_and_of_the_guard() {
        let given: Vec<Reason> = every_refusal().iter().map(reason_of).collect();
        let besides = Reason::ALL.into_iter().filter(|reason| !given.contains(reason));
        assert_eq!(besides.collect::<Vec<_>>(), [Reason::RateLimit, Reason::Unguarded]);
    }

    #[test]
    fn every_refusal_is_the_clients_to_act_on() {
        for refusal in every_refusal() {
            assert!(status_of(&refusal).is_client_error(), "{refusal:?}");
        }
    }
}
