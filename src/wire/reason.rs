//! The machine-readable reasons of refusals: what the first error's `field` says where no field of the request is to blame.

use serde::{Deserialize, Serialize};

/// Why a request was refused, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Somebody else holds or has bought the seats.
    SeatUnavailable,
    /// Other buyers are after the same seats right now.
    SeatContended,
    /// The seats are not seats of the event.
    SeatIds,
    /// Fewer tickets are left than were asked for.
    SoldOut,
    /// The event's seats have places and have to be named.
    Quantity,
    /// The event is not on sale.
    NotOnSale,
    /// The event's sale ended.
    SalesEnded,
    /// The user would have more tickets than one user may.
    TicketLimit,
    /// The user would hold more of the event than one user may at a time.
    HoldLimit,
    /// The change was made from another version than the present one, or doesn't say from which.
    IfMatch,
    /// The event can't be given this status, or can't be deleted with the one it has.
    Status,
    /// Only a draft can be changed in this way.
    NotDraft,
    /// An event without seats can't be put on sale.
    NoSeats,
    /// There is no such thing.
    NotFound,
    /// It belongs to somebody else.
    NotOwner,
    /// The caller's role may not do this.
    Role,
    /// The reservation ended before it could be used.
    ReservationEnded,
    /// The reservation was extended before.
    AlreadyExtended,
    /// The booking is not one that can be cancelled.
    BookingEnded,
    /// The event is over.
    EventOver,
    /// The ticket was used.
    TicketUsed,
    /// The ticket's booking was cancelled.
    TicketCancelled,
    /// A payment for the reservation is under way or done under another key.
    AlreadyPaying,
    /// The provider declined the charge.
    PaymentDeclined,
    /// The seats were lost before the charge was captured, which was refunded.
    Refunded,
    /// The idempotency key can't be read, was used for another request, or its first request has not ended.
    IdempotencyKey,
    /// Too many requests within the window.
    RateLimit,
    /// The database lost what keeps a seat from being sold twice, so nothing is sold.
    Unguarded,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 28] = [
        Self::SeatUnavailable,
        Self::SeatContended,
        Self::SeatIds,
        Self::SoldOut,
        Self::Quantity,
        Self::NotOnSale,
        Self::SalesEnded,
        Self::TicketLimit,
        Self::HoldLimit,
        Self::IfMatch,
        Self::Status,
        Self::NotDraft,
        Self::NoSeats,
        Self::NotFound,
        Self::NotOwner,
        Self::Role,
        Self::ReservationEnded,
        Self::AlreadyExtended,
        Self::BookingEnded,
        Self::EventOver,
        Self::TicketUsed,
        Self::TicketCancelled,
        Self::AlreadyPaying,
        Self::PaymentDeclined,
        Self::Refunded,
        Self::IdempotencyKey,
        Self::RateLimit,
        Self::Unguarded,
    ];

    /// The word in answers, in histories and in scenarios.
    pub fn name(self) -> &'static str {
        match self {
            Self::SeatUnavailable => "seat_unavailable",
            Self::SeatContended => "seat_contended",
            Self::SeatIds => "seat_ids",
            Self::SoldOut => "sold_out",
            Self::Quantity => "quantity",
            Self::NotOnSale => "not_on_sale",
            Self::SalesEnded => "sales_ended",
            Self::TicketLimit => "ticket_limit",
            Self::HoldLimit => "hold_limit",
            Self::IfMatch => "if_match",
            Self::Status => "status",
            Self::NotDraft => "not_draft",
            Self::NoSeats => "no_seats",
            Self::NotFound => "not_found",
            Self::NotOwner => "not_owner",
            Self::Role => "role",
            Self::ReservationEnded => "reservation_ended",
            Self::AlreadyExtended => "already_extended",
            Self::BookingEnded => "booking_ended",
            Self::EventOver => "event_over",
            Self::TicketUsed => "ticket_used",
            Self::TicketCancelled => "ticket_cancelled",
            Self::AlreadyPaying => "already_paying",
            Self::PaymentDeclined => "payment_declined",
            Self::Refunded => "refunded",
            Self::IdempotencyKey => "idempotency_key",
            Self::RateLimit => "rate_limit",
            Self::Unguarded => "unguarded",
        }
    }

    /// The reason of this word; `None` for a field of the request, and for a word of another server's.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::Reason;

    #[test]
    fn the_table_has_every_reason_at_its_own_place() {
        for (index, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index, "{reason:?} is counted under another's number");
            assert_eq!(Reason::parse(reason.name()), Some(reason));
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.name());
        }
        // serde names every variant that it knows, those that the table lacks, too.
        let known = serde_json::from_value::<Reason>("?".into()).unwrap_err().to_string();
        let (_, known) = known.split_once("expected one of ").unwrap();
        let known: Vec<&str> = known.split(", ").map(|name| name.trim_matches('`')).collect();
        assert_eq!(known, Reason::ALL.map(Reason::name));
    }

    #[test]
    fn a_word_of_another_server_is_no_reason_of_ours() {
        assert_eq!(Reason::parse("sold out"), None);
    }
}
