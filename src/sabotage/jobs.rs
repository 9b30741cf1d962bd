//! What servers forget to do by themselves, and what they clean up that is still needed.

use super::statements::{
    DELETE_EXPIRED, EXPIRE_DUE, FAIL_LEFT_BEHIND, OF_CANCELLED_EVENTS, TAKE_ON_UNFINISHED,
};
use super::{Bug, Class, Way};

/// The class.
pub const CLASS: Class = Class {
    name: "jobs",
    bugs: &[
        Bug::new(
            "sweep-stands-still",
            "the job that expires holds died weeks ago, and nobody watches it",
            "expiry-against-confirm",
            &[Way::sql(
                EXPIRE_DUE,
                "where state = 'held' and expires_at <= now()",
                "where state = 'held' and expires_at <= now() and false",
            )],
        ),
        Bug::new(
            "recovery-stands-still",
            "payments left behind by a crash are looked for in a state that they are never in",
            "server-crash",
            &[Way::sql(
                TAKE_ON_UNFINISHED,
                "where step <> 'done' and",
                "where step <> 'done' and false and",
            )],
        ),
        Bug::new(
            "cancelled-bookings-skipped",
            "bookings of cancelled events are refunded page by page, and the first page is empty",
            "event-cancelled",
            &[Way::sql(
                OF_CANCELLED_EVENTS,
                "state = 'confirmed' limit",
                "state = 'confirmed' and false limit",
            )],
        ),
        Bug::new(
            "deleted-events-skipped",
            "every query leaves out what is deleted, and so does the one for refunds",
            "event-cancelled",
            &[Way::sql(
                OF_CANCELLED_EVENTS,
                "status = 'cancelled' and",
                "status = 'cancelled' and deleted_at is null and",
            )],
        ),
        Bug::new(
            "visitors-skipped",
            "whoever was let in gets nothing back, a rule for buyers who change their mind",
            "event-cancelled",
            &[Way::sql(
                OF_CANCELLED_EVENTS,
                "state = 'confirmed' limit",
                "state = 'confirmed' and not exists (select from booking_seats where booking_id = \
                     bookings.id and checked_in_at is not null) limit",
            )],
        ),
        Bug::new(
            "recovery-forgets-refunds",
            "recovery was written for charges, and refunds came later",
            "payment-faults",
            &[Way::sql(
                TAKE_ON_UNFINISHED,
                "where step <> 'done' and",
                "where step = 'charging' and",
            )],
        ),
        Bug::new(
            "cancelled-holds-skipped",
            "holds of cancelled events are left to their end",
            "event-cancelled",
            &[Way::sql(
                "with off as",
                "where state = 'held' and status = 'cancelled'",
                "where state = 'held' and status = 'cancelled' and false",
            )],
        ),
        Bug::new(
            "cleanup-forgets-too-much",
            "stored answers are deleted by age, and the age is compared the wrong way round",
            "same-key",
            &[
                Way::sql(
                    DELETE_EXPIRED,
                    "state <> 'IN_PROGRESS' and expires_at <= now()",
                    "state <> 'IN_PROGRESS' and expires_at > now()",
                ),
                Way::NoAnswerCache,
            ],
        )
        .with(&[("CLEANUP_EVERY", "50ms")]),
        Bug::new(
            "cleanup-fails-what-runs",
            "what is in progress counts as left behind from its first moment",
            "server-crash",
            &[Way::sql(
                FAIL_LEFT_BEHIND,
                "state = 'IN_PROGRESS' and expires_at <= now() and not exists ( select from \
                     payments where payments.user_id = record.user_id and idempotency_key = \
                     record.key and step <> 'done')",
                "state = 'IN_PROGRESS'",
            )],
        )
        .with(&[("CLEANUP_EVERY", "10ms")]),
        Bug::new(
            "cleanup-fails-open-payments",
            "a request that took too long counts as failed, whatever its payment does",
            "payment-faults",
            &[Way::sql(
                FAIL_LEFT_BEHIND,
                "and not exists ( select from payments where payments.user_id = record.user_id and \
                     idempotency_key = record.key and step <> 'done')",
                "",
            )],
        ),
        Bug::new(
            "sweep-expires-what-is-paid",
            "the sweep looks at the deadline, and not at what became of the hold",
            "expiry-against-confirm",
            &[Way::sql(
                EXPIRE_DUE,
                "where state = 'held' and expires_at <= now()",
                "where state in ('held', 'confirmed') and expires_at <= now()",
            )],
        ),
        Bug::new(
            "sweep-frees-seats-of-others",
            "the sweep frees the seats of a hold that is over, whoever has them by then",
            "expiry-against-confirm",
            &[Way::sql(EXPIRE_DUE, "and seats.reservation_id = pairs.reservation_id", "")],
        )
        .with(&[("EXPIRE_EVERY", "1s")]),
    ],
};
