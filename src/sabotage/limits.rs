//! More tickets for one user than an event allows.

use super::sql::Rewrite;
use super::{Bug, Class, Way};

/// The class.
pub const CLASS: Class = Class {
    name: "limits",
    bugs: &[
        Bug::new(
            "limit-without-holds",
            "what a user has is counted by bookings, and holds are none yet",
            "ticket-limit",
            &[Way::Sql(Rewrite {
                within: "from reservations left join bookings on bookings.reservation_id = reservations.id where reservations.user_id = $1",
                find: "or (reservations.state = 'held' and expires_at > now()))",
                replace: ")",
            })],
        ),
        Bug::new(
            "limit-of-each-order",
            "the limit is checked against the order, not against what its user has",
            "ticket-limit",
            &[Way::Sql(Rewrite {
                within: "from reservations left join bookings on bookings.reservation_id = reservations.id where reservations.user_id = $1",
                find: "and reservations.event_id = $2 and",
                replace: "and reservations.event_id = $2 and reservations.created_at = now() and",
            })],
        ),
        Bug::new(
            "limit-off-by-one",
            "less or equal",
            "ticket-limit",
            &[Way::Sql(Rewrite {
                within: "from reservations left join bookings on bookings.reservation_id = reservations.id where reservations.user_id = $1",
                find: "coalesce(sum(cardinality(seat_ids)), 0) as \"tickets!\"",
                replace: "coalesce(sum(cardinality(seat_ids)), 0) - 1 as \"tickets!\"",
            })],
        ),
        Bug::new(
            "limit-counted-at-once",
            "two orders of one user count at the same time, and neither sees the other",
            "ticket-limit",
            &[Way::Sql(Rewrite {
                within: "with locked as materialized",
                find: "and (select take_turn($5, $4))",
                replace: "and $5::uuid is not null",
            })],
        )
        .of_strategy("row_lock"),
        Bug::new(
            "limit-forgets-bookings",
            "what was paid for is archived, and counted no more",
            "ticket-limit",
            &[Way::Sql(Rewrite {
                within: "from reservations left join bookings on bookings.reservation_id = reservations.id where reservations.user_id = $1",
                find: "(bookings.state = 'confirmed' or (reservations.state = 'held' and expires_at > now()))",
                replace: "(reservations.state = 'held' and expires_at > now())",
            })],
        ),
    ],
};
