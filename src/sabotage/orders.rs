//! Orders that are carried out in part, or of which something stays.

use super::statements::{
    CANCEL_BOOKING, CANCEL_HOLD, EXPIRE_DUE, EXTEND, ROW_LOCK_CLAIM, SELL, UPDATE_EVENT,
};
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
                Way::sql(ROW_LOCK_CLAIM, "and not bool_or(taken) and bool_and", "and bool_and"),
                Way::sql(
                    ROW_LOCK_CLAIM,
                    "from locked, allowed where seats.id = locked.id)",
                    "from locked, allowed where seats.id = locked.id and not taken)",
                ),
                Way::sql(ROW_LOCK_CLAIM, "taken as \"taken!\"", "false as \"taken!\""),
            ],
        )
        .of_strategy("row_lock"),
        Bug::new(
            "one-ticket-fewer",
            "tickets are inserted in a loop that ends one too early",
            "latency-baseline",
            &[Way::sql(
                SELL,
                "join theirs on theirs.id = ordered.seat_id, allowed)",
                "join theirs on theirs.id = ordered.seat_id, allowed order by 2 limit \
                     greatest(1, cardinality($8) - 1))",
            )],
        ),
        Bug::new(
            "seats-kept-after-cancel",
            "giving a hold up ends the reservation, and its seats wait for their own deadline",
            "ticket-limit",
            &[Way::sql(
                CANCEL_HOLD,
                "from mine where seats.id = mine.id",
                "from mine where seats.id = mine.id and false",
            )],
        ),
        Bug::new(
            "seats-kept-after-refund",
            "a cancelled booking is refunded, and its seats stay sold",
            "cancel-rebook",
            &[Way::sql(
                CANCEL_BOOKING,
                "from theirs where seats.id = theirs.id)",
                "from theirs where seats.id = theirs.id and false)",
            )],
        ),
        Bug::new(
            "kept-for-anothers-use",
            "whether a ticket was used is asked of the event, and not of the booking that is to be cancelled",
            "latency-baseline",
            &[Way::sql(
                CANCEL_BOOKING,
                "where booking_id = $1 order by seat_id for update",
                "where booking_id = $1 or checked_in_at is not null order by seat_id for update",
            )],
        ),
        Bug::new(
            "seats-kept-after-expiry",
            "the sweep ends reservations and leaves their seats to another job, which is gone",
            "expiry-against-confirm",
            &[Way::sql(
                EXPIRE_DUE,
                "from theirs where seats.id = theirs.id)",
                "from theirs where seats.id = theirs.id and false)",
            )],
        ),
        Bug::new(
            "edit-over-an-edit",
            "the version is compared when the event is read, and not when it is written",
            "latency-baseline",
            &[Way::sql(
                UPDATE_EVENT,
                "where id = $1 and version = $2 and",
                "where id = $1 and $2::bigint is not null and",
            )],
        ),
        Bug::new(
            "first-seat-extended",
            "the extension was written when an order had one seat",
            "latency-baseline",
            &[Way::sql(
                EXTEND,
                "where seats.id = theirs.id)",
                "where seats.id = theirs.id and seats.id = (select min(id) from theirs))",
            )],
        ),
        Bug::new(
            "tickets-stay-live",
            "a cancelled booking's tickets are not taken back",
            "cancel-rebook",
            &[Way::sql(
                CANCEL_BOOKING,
                "update booking_seats set live = false from allowed where booking_id = allowed.id",
                "update booking_seats set live = false from allowed where booking_id = allowed.id and false",
            )],
        ),
        Bug::new(
            "hold-goes-on-after-sale",
            "the sale is written, and the hold that it came from is left to the sweep",
            "latency-baseline",
            &[Way::sql(
                SELL,
                "set state = 'confirmed', ended_at = now() from allowed where id = $4",
                "set state = 'confirmed', ended_at = now() from allowed where id = $4 and false",
            )],
        ),
    ],
};
