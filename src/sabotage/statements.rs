//! Statements of the server's that bugs are put into, by what only each of them has.

/// A claim of the strategy `row_lock`.
pub const ROW_LOCK_CLAIM: &str = "with locked as materialized";

/// A claim of the strategy `optimistic`.
pub const OPTIMISTIC_CLAIM: &str = "saw.version = seats.version";

/// A claim of the strategy `redlock`.
pub const REDLOCK_CLAIM: &str = "where id = any($1) and fence < $2";

/// The reservation, written with its key's record.
pub const INSERT_RESERVATION: &str = "insert into reservations (id, event_id, user_id, seat_ids, state, total_cents, expires_at, \
     idempotency_key)";

/// The first recovery point of a payment.
pub const START_PAYMENT: &str = "insert into payments (id, reservation_id";

/// The sale.
pub const SELL: &str = "with charging as";

/// A hold's extension.
pub const EXTEND: &str = "extended_at is null";

/// A hold that is given up.
pub const CANCEL_HOLD: &str = "set state = 'cancelled', ended_at = now() where id = $1";

/// The sweep of holds that are over.
pub const EXPIRE_DUE: &str = "with due as ( select id from reservations";

/// A booking that is cancelled.
pub const CANCEL_BOOKING: &str =
    "with booking as ( select id, reservation_id, event_id from bookings";

/// What a user has of an event.
pub const COUNT_OF_USER: &str = "from reservations left join bookings on bookings.reservation_id = reservations.id where reservations.user_id = \
     $1";

/// A ticket, used.
pub const CHECK_IN: &str = "update booking_seats set checked_in_at = now()";

/// A refusal, recorded under its key.
pub const RECORD_REFUSAL: &str = "with lazily as";

/// Payments that recovery takes on.
pub const TAKE_ON_UNFINISHED: &str = "with left_behind as ( select id from payments";

/// Requests that the cleanup fails.
pub const FAIL_LEFT_BEHIND: &str =
    "with left_behind as ( select user_id, key from idempotency_records record";

/// Answers that the cleanup forgets.
pub const DELETE_EXPIRED: &str = "delete from idempotency_records";

/// The seats of events, counted.
pub const SEAT_COUNTS: &str = "from seats where event_id = asked.id";

/// A reservation, read by its id.
pub const FIND_RESERVATION: &str = "total_cents, expires_at from reservations where id = $1";

/// A user's bookings.
pub const LIST_BOOKINGS: &str = "order by created_at desc, id desc limit $4), unpaid as";

/// The refund of a charge whose sale was lost.
pub const START_REFUND: &str =
    "update payments set state = 'captured', step = 'refunding', worked_at = now()";

/// Bookings of cancelled events.
pub const OF_CANCELLED_EVENTS: &str = "select bookings.id, event_id from events";

/// A change of an event.
pub const UPDATE_EVENT: &str = "update events set title = $3";

/// A page of an event's seats.
pub const LIST_SEATS: &str = "from seats where event_id = $1 and id > $2 order by id limit $3";

/// A booking, read by its id or its reference.
pub const FIND_BOOKING: &str = "from bookings where reference = $2)";
