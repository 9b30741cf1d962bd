//! Holds that end at another time than their buyers were told.

use super::statements::{EXPIRE_DUE, EXTEND, ROW_LOCK_CLAIM, SELL, START_PAYMENT};
use super::{Bug, Class, Way};

/// The class.
pub const CLASS: Class = Class {
    name: "time",
    bugs: &[
        Bug::new(
            "late-payment-accepted",
            "the end of the hold is checked by the page's countdown alone",
            "expiry-against-confirm",
            &[
                Way::sql(START_PAYMENT, "and expires_at > now()", ""),
                Way::sql(SELL, "and expires_at > now()", ""),
            ],
        )
        .with(&[("EXPIRE_EVERY", "3s")]),
        Bug::new(
            "sold-when-charged",
            "whoever was charged gets the seats: the hold is checked before the charge, and not after",
            "server-freeze",
            &[Way::sql(SELL, "and expires_at > now()", "")],
        )
        .with(&[("EXPIRE_EVERY", "5s")]),
        Bug::new(
            "seats-freed-halfway",
            "the seat's own deadline is written by another piece of code, with another default",
            "latency-baseline",
            &[Way::sql(
                ROW_LOCK_CLAIM,
                "held_until = now() + make_interval(secs => $3), version",
                "held_until = now() + make_interval(secs => $3 / 2), version",
            )],
        )
        .of_strategy("row_lock"),
        Bug::new(
            "swept-early",
            "the sweep compares with the clock of its own machine, which is ahead",
            "expiry-against-confirm",
            &[Way::sql(
                EXPIRE_DUE,
                "state = 'held' and expires_at <= now()",
                "state = 'held' and expires_at <= now() + interval '400 ms'",
            )],
        ),
        Bug::new(
            "seats-blocked-longer",
            "a seat is kept back for a grace time after its hold, and the buyers are not told",
            "expiry-against-confirm",
            &[
                Way::sql(
                    ROW_LOCK_CLAIM,
                    "held_until = now() + make_interval(secs => $3), version",
                    "held_until = now() + make_interval(secs => $3 * 3), version",
                ),
                Way::sql(
                    EXPIRE_DUE,
                    "set reservation_id = null, held_until = null from theirs",
                    "set reservation_id = null from theirs",
                ),
            ],
        )
        .of_strategy("row_lock"),
        Bug::new(
            "extended-again-and-again",
            "whether a hold was extended before is looked up in a column that nobody writes",
            "latency-baseline",
            &[Way::sql(
                EXTEND,
                "and expires_at > now() and extended_at is null",
                "and expires_at > now()",
            )],
        ),
        Bug::new(
            "extended-after-its-end",
            "a hold that is over, but was not swept yet, is brought back to life",
            "latency-baseline",
            &[Way::sql(
                EXTEND,
                "and state = 'held' and expires_at > now() and extended_at is null",
                "and state = 'held' and extended_at is null",
            )],
        )
        .with(&[("EXPIRE_EVERY", "5s")]),
        Bug::new(
            "extended-on-paper",
            "the reservation's end is moved, and that of its seats forgotten",
            "latency-baseline",
            &[Way::sql(
                EXTEND,
                "set held_until = allowed.later, version = version + 1",
                "set version = version + 1",
            )],
        ),
        Bug::new(
            "extended-too-long",
            "an extension counts from the end that it moves, and then from the beginning, too",
            "latency-baseline",
            &[Way::sql(
                EXTEND,
                "expires_at + (expires_at - created_at)",
                "expires_at + 2 * (expires_at - created_at)",
            )],
        ),
        Bug::new(
            "shorter-than-asked",
            "the length of the hold is the shop's, whatever was asked for and promised elsewhere",
            "latency-baseline",
            &[
                Way::sql(
                    ROW_LOCK_CLAIM,
                    "held_until = now() + make_interval(secs => $3), version",
                    "held_until = now() + make_interval(secs => $3 / 2), version",
                ),
                Way::sql(
                    ROW_LOCK_CLAIM,
                    "now() + make_interval(secs => $3) as \"expires_at!\"",
                    "now() + make_interval(secs => $3 / 2) as \"expires_at!\"",
                ),
            ],
        )
        .of_strategy("row_lock"),
    ],
};
