//! The machine-readable reasons of refusals that are counted by name. Knows nothing of why a server gives them.

/// Every reason that can be counted; a server's other ones are kept in the history only.
pub const REASONS: [&str; 14] = [
    "seat_unavailable",
    "seat_contended",
    "sold_out",
    "not_on_sale",
    "ticket_limit",
    "reservation_ended",
    "refunded",
    "already_paying",
    "payment_declined",
    "booking_ended",
    "not_found",
    "not_owner",
    "idempotency_key",
    "seat_ids",
];
