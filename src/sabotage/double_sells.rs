//! Seats promised to two, because nothing keeps claims apart, or what does is used wrongly.

use super::statements::{
    INSERT_RESERVATION, OPTIMISTIC_CLAIM, REDLOCK_CLAIM, ROW_LOCK_CLAIM, SELL, START_PAYMENT,
};
use super::{Bug, Class, Way};

/// The class.
pub const CLASS: Class = Class {
    name: "double sells",
    bugs: &[
        Bug::new(
            "no-lock-no-index",
            "seats are looked at and then written, and the migration with the unique index was \
             never run",
            "extreme-concurrency",
            &[],
        )
        .of_strategy("naive"),
        Bug::new(
            "select-without-for-update",
            "FOR UPDATE was lost when a query was rewritten: seats are checked, but not locked",
            "extreme-concurrency",
            &[Way::sql(
                ROW_LOCK_CLAIM,
                "and (select take_turn($5, $4)) order by id for update)",
                "and (select take_turn($5, $4)) order by id)",
            )],
        )
        .of_strategy("row_lock"),
        Bug::new(
            "version-not-checked",
            "the version is read and counted up, but the UPDATE doesn't ask for it",
            "extreme-concurrency",
            &[Way::sql(OPTIMISTIC_CLAIM, "and saw.version = seats.version", "")],
        )
        .of_strategy("optimistic"),
        Bug::new(
            "lock-released-by-anybody",
            "the lock is deleted in a `finally`, without a look at whose it is, or whether it \
             was ever had",
            "extreme-concurrency",
            &[WRITES_BEHIND_THE_LOCK, Way::ReleaseOfOthers],
        )
        .of_strategy("redlock")
        .with(&[("REDLOCK_RETRY_COUNT", "0")]),
        Bug::new(
            "lease-shorter-than-work",
            "the lock's TTL is shorter than a slow transaction, and the write has no fencing \
             token",
            "extreme-concurrency",
            &[WRITES_BEHIND_THE_LOCK],
        )
        .of_strategy("redlock")
        .with(&[("LOCK_TTL_MS", "60")]),
        Bug::new(
            "no-fence",
            "whoever had the lock writes, however long ago that was",
            "lock-expiry",
            &[UNFENCED],
        )
        .of_strategy("redlock"),
        Bug::new(
            "lost-lease-written-behind",
            "a lock is trusted to stay where it was put, and Redis keeps nothing over a restart",
            "redis-crash",
            &[UNFENCED],
        )
        .of_strategy("redlock"),
        Bug::new(
            "quorum-of-one",
            "each server takes its lock on a Redis of its own, and believes it has it everywhere",
            "extreme-concurrency",
            &[WRITES_BEHIND_THE_LOCK, Way::OwnRedis],
        )
        .of_strategy("redlock"),
        Bug::new(
            "held-counts-as-free",
            "the query for free seats looks for sold ones only",
            "extreme-concurrency",
            &[Way::sql(
                ROW_LOCK_CLAIM,
                "(booking_id is not null or coalesce(held_until > now(), false)) as taken",
                "(booking_id is not null) as taken",
            )],
        )
        .of_strategy("row_lock"),
        Bug::new(
            "sold-counts-as-free",
            "the query for free seats looks at holds only, and a sold seat's hold ends some day",
            "expiry-against-confirm",
            &[Way::sql(
                ROW_LOCK_CLAIM,
                "(booking_id is not null or coalesce(held_until > now(), false)) as taken",
                "coalesce(held_until > now(), false) as taken",
            )],
        )
        .of_strategy("row_lock"),
        Bug::new(
            "cancelled-event-is-held",
            "the event's status is read from a cache that nobody empties",
            "event-cancelled",
            &[Way::sql(
                INSERT_RESERVATION,
                "select status::text as status,",
                "select 'published'::text as status,",
            )],
        ),
        Bug::new(
            "cancelled-event-is-sold",
            "whether the event is on is asked when seats are held, and not again when they are \
             paid for",
            "event-cancelled",
            &[
                Way::sql(START_PAYMENT, "and status = 'published'))", "))"),
                Way::sql(SELL, "and status = 'published')", ")"),
            ],
        )
        .with(&[("REFUND_EVERY", "3s")]),
    ],
};

/// The write asks for no fence, and not whether the seats are free: the lease was there for that.
const UNFENCED: Way = Way::sql(
    REDLOCK_CLAIM,
    "fence < $2 and booking_id is null and (held_until is null or held_until <= now()) and",
    "$2::bigint is not null and",
);

/// The write asks for no fence, and not whether the seats are free: the lease was there for that. It takes its time.
const WRITES_BEHIND_THE_LOCK: Way = Way::sql(
    REDLOCK_CLAIM,
    "fence < $2 and booking_id is null and (held_until is null or held_until <= now()) \
     and (select take_turn($5, $6))",
    "$2::bigint is not null and (select $5::uuid is not null and $6::uuid is not null \
     and pg_sleep(0.15) is not null)",
);
