//! Conditions that no order of two requests misses, and why.

/// Conditions of a statement.
struct Excuse {
    /// What only the statement has, in one of its lines.
    within: &'static str,
    /// How the conditions begin.
    conditions: &'static [&'static str],
    /// Why nothing breaks without any one of them.
    why: &'static str,
}

/// Seats of a hold, chosen by several conditions.
const SAME_SEATS: &str = "each says the same: the seats of a live hold are those that it was given, and none of them is sold";
/// Rows of one hold, locked one after the other.
const OTHER_LOCKS: &str = "its other rows are locked, too, and whoever writes these writes those";

/// The record of a payment's request.
const ONE_RECORD: &str = "of one key of one user there is one record, in progress until its payment ends, and nobody else pays under the key";

/// Every one.
const EXCUSES: &[Excuse] = &[
    Excuse {
        within: "deleted_at is null",
        conditions: &["deleted_at IS NULL"],
        why: "no order deletes an event",
    },
    Excuse {
        within: "event_id = asked.id",
        conditions: &["event_id = asked.id"],
        why: "free seats are counted for readers, and no order reads the count",
    },
    Excuse {
        within: "set state = 'captured', step = 'refunding'",
        conditions: &["(step = 'charging'"],
        why: "only recovery goes on with another's payment, and no order has any",
    },
    Excuse {
        within: "update idempotency_records record",
        conditions: &["record.user_id =", "record.state = 'IN_PROGRESS'"],
        why: ONE_RECORD,
    },
    Excuse {
        within: "set state = 'refunded', step = 'done'",
        conditions: &["step = 'refunding'"],
        why: "only recovery goes on with another's refund, and no order has any",
    },
    Excuse {
        within: "from bookings where reference = $2",
        conditions: &["reference = $2"],
        why: "no order names a booking's reference",
    },
    Excuse {
        within: "from bookings where reference = $2",
        conditions: &[
            "reservations.id = reservation_id",
            "payments.id = $1",
            "NOT EXISTS (SELECT FROM booked)",
            "(payments.state = 'pending'",
        ],
        why: "no order reads a booking before it is made, and one that is made comes first",
    },
    // A booking that is cancelled.
    Excuse {
        within: "select id, reservation_id, event_id from bookings",
        conditions: &["$2 OR"],
        why: "no order uses a ticket of the booking",
    },
    Excuse {
        within: "select id, reservation_id, event_id from bookings",
        conditions: &["FOR UPDATE", "state = 'confirmed'", "state = 'captured'", "step = 'done'"],
        why: "the booking's state, the payment's state and its step each let one cancellation through, and any of the locks \
              lets one look at a time",
    },
    Excuse {
        within: "select id, reservation_id, event_id from bookings",
        conditions: &["tickets.seat_id = seats.id", "seats.booking_id = allowed.id"],
        why: "each says the same: a booking's seats are those of its tickets",
    },
    // A sale.
    Excuse {
        within: "step = 'charging' for update",
        conditions: &["FOR UPDATE", "step = 'charging'", "state = 'held'"],
        why: "the payment's step, the reservation's state and the seats that it still has each say that it was not sold or ended \
              before, any of the locks lets one look at a time, and two unique indexes have the last word",
    },
    Excuse {
        within: "step = 'charging' for update",
        conditions: &["seats.id = ANY($8)", "reservation_id = $4", "booking_id IS NULL"],
        why: SAME_SEATS,
    },
    Excuse {
        within: "step = 'charging' for update",
        conditions: &["EXISTS (SELECT FROM pg_index", "indexrelid", "indisunique", "indisvalid"],
        why: "no order takes the index away",
    },
    Excuse {
        within: "step = 'charging' for update",
        conditions: &["user_id = $6", "state = 'IN_PROGRESS'"],
        why: ONE_RECORD,
    },
    // Holds that are over.
    Excuse {
        within: "where state = 'held' and expires_at <= now()",
        conditions: &["seats.id = pairs.seat_id", "booking_id IS NULL"],
        why: SAME_SEATS,
    },
    // A hold.
    Excuse {
        within: "tickets_per_user_max, coalesce(sales_end_at, starts_at) as sales_end_at",
        conditions: &["status = 'published'", "NOT is_over"],
        why: "the statement tells the event's state, and the server refuses by that as well",
    },
    Excuse {
        within: "tickets_per_user_max, coalesce(sales_end_at, starts_at) as sales_end_at",
        conditions: &["user_id = $3", "event_id = $2", "created_at >"],
        why: "it says whether limits have to be counted, and no order comes near one",
    },
    Excuse {
        within: "take_turn",
        conditions: &["(SELECT take_turn"],
        why: "no order comes near a limit",
    },
    // A hold that is given up.
    Excuse {
        within: "mine as (",
        conditions: &["expires_at > now()"],
        why: "giving up what is over takes nothing from anybody: it frees no seats but its own",
    },
    Excuse { within: "mine as (", conditions: &["FOR UPDATE OF seats"], why: OTHER_LOCKS },
    Excuse {
        within: "mine as (",
        conditions: &[
            "seats.id = ANY(gone.seat_ids)",
            "reservation_id = gone.id",
            "booking_id IS NULL",
        ],
        why: SAME_SEATS,
    },
    // An extension.
    Excuse {
        within: "as later from reservations",
        conditions: &["FOR UPDATE"],
        why: "two extensions at once come to the same end, and any of the locks lets one of two changes look at a time",
    },
    Excuse {
        within: "as later from reservations",
        conditions: &["state = 'held'", "cardinality(seat_ids)"],
        why: "each says the same: what is no longer held has lost its seats, or has sold them",
    },
    Excuse {
        within: "as later from reservations",
        conditions: &["EXISTS (SELECT FROM events", "events.id = event_id", "status = 'published'"],
        why: "cancelling an event ends its holds, extended or not",
    },
    Excuse {
        within: "as later from reservations",
        conditions: &["coalesce(sales_end_at, starts_at)"],
        why: "in no order a sale ends",
    },
    Excuse {
        within: "as later from reservations",
        conditions: &[
            "seats.id = ANY(hold.seat_ids)",
            "reservation_id = hold.id",
            "booking_id IS NULL",
        ],
        why: SAME_SEATS,
    },
    // A payment's beginning.
    Excuse {
        within: "insert into payments (id, reservation_id",
        conditions: &["user_id = $3"],
        why: "no order pays for what is another's; intruders in scenarios do",
    },
    Excuse {
        within: "insert into payments (id, reservation_id",
        conditions: &[
            "state = 'held'",
            "expires_at > now()",
            "EXISTS (SELECT FROM events",
            "events.id = event_id",
            "status = 'published'",
        ],
        why: "the sale asks again when the charge is captured, and refunds it",
    },
];

/// Why nothing breaks without the condition, where that is on record.
pub fn excuse(statement: &str, condition: &str) -> Option<&'static str> {
    let is_meant = |excuse: &&Excuse| {
        statement.contains(excuse.within)
            && excuse.conditions.iter().any(|begins| condition.starts_with(begins))
    };
    EXCUSES.iter().find(is_meant).map(|excuse| excuse.why)
}
