//! Orders that are carried out in part, or of which something stays.

use super::sql::Rewrite;
use super::{Bug, Class, Way};

/// The class.
pub const CLASS: Class = Class {
    name: "orders",
    bugs: &[
        Bug::new(
            "partial-hold",
            "whichever of the seats are free are taken, and the whole order is confirmed",
            "extreme-concurrency",
            &[
                Way::Sql(Rewrite {
                    within: "with locked as materialized",
                    find: "and not bool_or(taken) and bool_and",
                    replace: "and bool_and",
                }),
                Way::Sql(Rewrite {
                    within: "with locked as materialized",
                    find: "from locked, allowed where seats.id = locked.id)",
                    replace: "from locked, allowed where seats.id = locked.id and not taken)",
                }),
                Way::Sql(Rewrite {
                    within: "with locked as materialized",
                    find: "taken as \"taken!\"",
                    replace: "false as \"taken!\"",
                }),
            ],
        )
        .of_strategy("row_lock"),
        Bug::new(
            "one-ticket-fewer",
            "tickets are inserted in a loop that ends one too early",
            "latency-baseline",
            &[Way::Sql(Rewrite {
                within: "with charging as",
                find: "join theirs on theirs.id = ordered.seat_id, allowed)",
                replace: "join theirs on theirs.id = ordered.seat_id, allowed order by 2 limit greatest(1, cardinality($8) - 1))",
            })],
        ),
        Bug::new(
            "seats-kept-after-cancel",
            "giving a hold up ends the reservation, and its seats wait for their own deadline",
            "cancel-rebook",
            &[Way::Sql(Rewrite {
                within: "set state = 'cancelled', ended_at = now() where id = $1",
                find: "from mine where seats.id = mine.id",
                replace: "from mine where seats.id = mine.id and false",
            })],
        ),
        Bug::new(
            "seats-kept-after-refund",
            "a cancelled booking is refunded, and its seats stay sold",
            "cancel-rebook",
            &[Way::Sql(Rewrite {
                within: "with booking as ( select id, reservation_id, event_id from bookings",
                find: "from theirs where seats.id = theirs.id)",
                replace: "from theirs where seats.id = theirs.id and false)",
            })],
        ),
        Bug::new(
            "seats-kept-after-expiry",
            "the sweep ends reservations and leaves their seats to another job, which is gone",
            "expiry-against-confirm",
            &[Way::Sql(Rewrite {
                within: "with due as ( select id from reservations",
                find: "from theirs where seats.id = theirs.id)",
                replace: "from theirs where seats.id = theirs.id and false)",
            })],
        ),
    ],
};
