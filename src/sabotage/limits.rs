//! More tickets for one user than an event allows.

use super::statements::{COUNT_OF_USER, INSERT_RESERVATION, ROW_LOCK_CLAIM};
use super::{Bug, Class, Way};

/// The class.
pub const CLASS: Class = Class {
    name: "limits",
    bugs: &[
        Bug::new(
            "limit-without-holds",
            "what a user has is counted by bookings, and holds are none yet",
            "ticket-limit",
            &[Way::sql(
                COUNT_OF_USER,
                "or (reservations.state = 'held' and expires_at > now()))",
                ")",
            )],
        ),
        Bug::new(
            "limit-of-each-order",
            "the limit is checked against the order, not against what its user has",
            "ticket-limit",
            &[Way::sql(
                COUNT_OF_USER,
                "and reservations.event_id = $2 and",
                "and reservations.event_id = $2 and reservations.created_at = now() and",
            )],
        ),
        Bug::new(
            "limit-off-by-one",
            "less or equal",
            "ticket-limit",
            &[Way::sql(
                COUNT_OF_USER,
                "coalesce(sum(cardinality(seat_ids)), 0) as \"tickets!\"",
                "coalesce(sum(cardinality(seat_ids)), 0) - 1 as \"tickets!\"",
            )],
        ),
        Bug::new(
            "limit-counted-at-once",
            "two orders of one user count at the same time, and neither sees the other",
            "ticket-limit",
            &[Way::sql(
                ROW_LOCK_CLAIM,
                "and (select take_turn($5, $4))",
                "and $5::uuid is not null",
            )],
        )
        .of_strategy("row_lock"),
        Bug::new(
            "limit-forgets-bookings",
            "what was paid for is archived, and counted no more",
            "ticket-limit",
            &[Way::sql(
                COUNT_OF_USER,
                "(bookings.state = 'confirmed' or (reservations.state = 'held' and \
                     expires_at > now()))",
                "(reservations.state = 'held' and expires_at > now())",
            )],
        ),
        Bug::new(
            "limit-forgets-older",
            "what a user has is counted over the last moments only, for speed",
            "ticket-limit",
            &[Way::sql(
                COUNT_OF_USER,
                "where reservations.user_id = $1",
                "where reservations.created_at > now() - interval '2 seconds' and \
                     reservations.user_id = $1",
            )],
        ),
        Bug::new(
            "holds-without-bound",
            "how much one user may hold is a rule of the page, which bots don't use",
            "latency-baseline",
            &[Way::sql(
                INSERT_RESERVATION,
                "holds as \"holds!\", seats as \"seats!\"",
                "0::bigint as \"holds!\", 0::numeric as \"seats!\"",
            )],
        ),
        Bug::new(
            "limit-counts-cancelled",
            "tickets that were given back count for ever",
            "ticket-limit",
            &[Way::sql(
                COUNT_OF_USER,
                "(bookings.state = 'confirmed' or",
                "(bookings.id is not null or",
            )],
        ),
    ],
};
