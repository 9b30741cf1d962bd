//! What servers forget to do by themselves, and what they clean up that is still needed.

use super::sql::Rewrite;
use super::{Bug, Class, Way};

/// The class.
pub const CLASS: Class = Class {
    name: "jobs",
    bugs: &[
        Bug::new(
            "sweep-stands-still",
            "the job that expires holds died weeks ago, and nobody watches it",
            "expiry-against-confirm",
            &[Way::Sql(Rewrite { within: "with due as ( select id from reservations", find: "where state = 'held' and expires_at <= now()", replace: "where state = 'held' and expires_at <= now() and false" }),],
        ),
        Bug::new(
            "recovery-stands-still",
            "payments left behind by a crash are looked for in a state that they are never in",
            "server-crash",
            &[Way::Sql(Rewrite { within: "with left_behind as ( select id from payments", find: "where step <> 'done' and", replace: "where step <> 'done' and false and" }),],
        ),
        Bug::new(
            "cancelled-bookings-skipped",
            "bookings of cancelled events are refunded page by page, and the first page is empty",
            "event-cancelled",
            &[Way::Sql(Rewrite { within: "from events join bookings on event_id = events.id where status = 'cancelled' and state = 'confirmed' limit $1", find: "state = 'confirmed' limit", replace: "state = 'confirmed' and false limit" }),],
        ),
        Bug::new(
            "cancelled-holds-skipped",
            "holds of cancelled events are left to their end",
            "event-cancelled",
            &[Way::Sql(Rewrite { within: "with off as", find: "where state = 'held' and status = 'cancelled'", replace: "where state = 'held' and status = 'cancelled' and false" }),],
        ),
        Bug::new(
            "cleanup-forgets-too-much",
            "stored answers are deleted by age, and the age is compared the wrong way round",
            "same-key",
            &[Way::Sql(Rewrite { within: "delete from idempotency_records", find: "state <> 'IN_PROGRESS' and expires_at <= now()", replace: "state <> 'IN_PROGRESS' and expires_at > now()" }),Way::NoAnswerCache,],
        ).with(&[("CLEANUP_EVERY","50ms")]),
        Bug::new(
            "cleanup-fails-what-runs",
            "what is in progress counts as left behind from its first moment",
            "latency-baseline",
            &[Way::Sql(Rewrite { within: "with left_behind as ( select user_id, key from idempotency_records record", find: "state = 'IN_PROGRESS' and expires_at <= now() and not exists ( select from payments where payments.user_id = record.user_id and idempotency_key = record.key and step <> 'done')", replace: "state = 'IN_PROGRESS'" }),],
        ).with(&[("CLEANUP_EVERY","10ms")]),
        Bug::new(
            "sweep-expires-what-is-paid",
            "the sweep looks at the deadline, and not at what became of the hold",
            "expiry-against-confirm",
            &[Way::Sql(Rewrite { within: "with due as ( select id from reservations", find: "where state = 'held' and expires_at <= now()", replace: "where state in ('held', 'confirmed') and expires_at <= now()" }),],
        ),
    ],
};
