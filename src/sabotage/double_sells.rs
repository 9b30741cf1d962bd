//! Seats promised to two, because nothing keeps claims apart, or what does is used wrongly.

use super::sql::Rewrite;
use super::{Bug, Class, Way};

/// The class.
pub const CLASS: Class = Class {
    name: "double sells",
    bugs: &[
        Bug::new(
            "no-lock-no-index",
            "seats are looked at and then written, and the migration with the unique index was never run",
            "extreme-concurrency",
            &[],
        ).of_strategy("naive"),
        Bug::new(
            "select-without-for-update",
            "FOR UPDATE was lost when a query was rewritten: seats are checked, but not locked",
            "extreme-concurrency",
            &[Way::Sql(Rewrite { within: "with locked as materialized", find: "and (select take_turn($5, $4)) order by id for update)", replace: "and (select take_turn($5, $4)) order by id)" }),],
        ).of_strategy("row_lock"),
        Bug::new(
            "version-not-checked",
            "the version is read and counted up, but the UPDATE doesn't ask for it",
            "extreme-concurrency",
            &[Way::Sql(Rewrite { within: "saw.version = seats.version", find: "and saw.version = seats.version", replace: "" }),],
        ).of_strategy("optimistic"),
        Bug::new(
            "lock-released-by-anybody",
            "the lock is deleted in a `finally`, without a look at whose it is, or whether it was ever had",
            "extreme-concurrency",
            &[Way::Sql(Rewrite { within: "where id = any($1) and fence < $2", find: "fence < $2 and booking_id is null and (held_until is null or held_until <= now())", replace: "$2::bigint is not null" }),Way::ReleaseOfOthers,],
        ).of_strategy("redlock"),
        Bug::new(
            "lease-shorter-than-work",
            "the lock's TTL is shorter than a slow transaction, and the write has no fencing token",
            "extreme-concurrency",
            &[Way::Sql(Rewrite { within: "where id = any($1) and fence < $2", find: "fence < $2 and booking_id is null and (held_until is null or held_until <= now()) and (select take_turn($5, $6))", replace: "$2::bigint is not null and (select $5::uuid is not null and $6::uuid is not null and pg_sleep(0.15) is not null)" }),],
        ).of_strategy("redlock").with(&[("LOCK_TTL_MS","60")]),
        Bug::new(
            "quorum-of-one",
            "each server takes its lock on the Redis node beside it, and believes it has it everywhere",
            "extreme-concurrency",
            &[Way::Sql(Rewrite { within: "where id = any($1) and fence < $2", find: "fence < $2 and booking_id is null and (held_until is null or held_until <= now())", replace: "$2::bigint is not null" }),Way::OwnRedisNode,],
        ).of_strategy("redlock"),
        Bug::new(
            "held-counts-as-free",
            "the query for free seats looks for sold ones only",
            "extreme-concurrency",
            &[Way::Sql(Rewrite { within: "with locked as materialized", find: "(booking_id is not null or coalesce(held_until > now(), false)) as taken", replace: "(booking_id is not null) as taken" }),],
        ).of_strategy("row_lock"),
        Bug::new(
            "sold-counts-as-free",
            "the query for free seats looks at holds only, and a sold seat's hold ends some day",
            "expiry-against-confirm",
            &[Way::Sql(Rewrite { within: "with locked as materialized", find: "(booking_id is not null or coalesce(held_until > now(), false)) as taken", replace: "coalesce(held_until > now(), false) as taken" }),],
        ).of_strategy("row_lock"),
        Bug::new(
            "cancelled-event-is-held",
            "the event's status is read from a cache that nobody empties",
            "event-cancelled",
            &[Way::Sql(Rewrite { within: "insert into reservations (id, event_id, user_id, seat_ids, state, total_cents, expires_at, idempotency_key)", find: "select status::text as status,", replace: "select 'published'::text as status," }),],
        ),
        Bug::new(
            "cancelled-event-is-sold",
            "whether the event is on is asked when seats are held, and not again when they are paid for",
            "event-cancelled",
            &[Way::Sql(Rewrite { within: "insert into payments (id, reservation_id", find: "and status = 'published'))", replace: "))" }),Way::Sql(Rewrite { within: "with charging as", find: "and status = 'published')", replace: ")" }),],
        ),
    ],
};
