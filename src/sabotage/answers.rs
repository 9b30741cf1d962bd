//! Answers that say what is not so, or not yet.

use serde_json::Value;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use super::http::{Changed, ChangedOn, First, Route};
use super::statements::{
    CHECK_IN, FIND_BOOKING, FIND_RESERVATION, LIST_BOOKINGS, LIST_SEATS, SEAT_COUNTS,
};
use super::{Bug, Class, Way};

const HOLD: Route = Route::new("POST", "/api/v1/reservations");
const CONFIRM: Route = Route::new("POST", "/api/v1/bookings/confirm");
const BOOK: Route = Route::new("POST", "/api/v1/bookings");
const RESERVATION: Route = Route::new("GET", "/api/v1/reservations/{}");
const BOOKING: Route = Route::new("GET", "/api/v1/bookings/{}");
const AVAILABILITY: Route = Route::new("GET", "/api/v1/events/{}/availability");
const SEATS: Route = Route::new("GET", "/api/v1/events/{}/seats");

/// The class.
pub const CLASS: Class = Class {
    name: "answers",
    bugs: &[
        Bug::new(
            "answered-after-rollback",
            "an error at the end of a transaction is logged, and the answer sent all the same",
            "latency-baseline",
            &[Way::RollBackOneIn(50)],
        ),
        Bug::new(
            "answered-before-durable",
            "commits don't wait for the disk (synchronous_commit = off), for speed",
            "postgres-crash",
            &[Way::Session("synchronous_commit", "off")],
        ),
        Bug::new(
            "check-in-before-durable",
            "doors have to be quick: letting in doesn't wait for the disk",
            "postgres-crash",
            &[Way::sql(
                CHECK_IN,
                "update booking_seats set checked_in_at = now() from bookings",
                "with lazily as (select set_config('synchronous_commit', 'off', true)) update \
                     booking_seats set checked_in_at = now() from lazily, bookings",
            )],
        ),
        Bug::new(
            "page-skips-a-seat",
            "a page begins after its cursor, and the cursor is the seat after the last one",
            "payment-faults",
            &[Way::sql(LIST_SEATS, "id > $2 order by", "id > $2 + sign($2)::bigint order by")],
        ),
        Bug::new(
            "tickets-in-another-order",
            "seats are read by seat and tickets by number, and then one goes with the other",
            "latency-baseline",
            &[Way::sql(
                FIND_BOOKING,
                "array(select ticket_number from booking_seats where booking_id = found.id order by \
                     seat_id)",
                "array(select ticket_number from booking_seats where booking_id = found.id order by \
                     ticket_number)",
            )],
        ),
        Bug::new(
            "availability-for-ever",
            "the count of free seats is cached, and nothing takes it out",
            "latency-baseline",
            &[Way::Http(&First { routes: &[AVAILABILITY] })],
        ),
        Bug::new(
            "reads-for-ever",
            "reads are cached by their path, and writes don't know of it",
            "latency-baseline",
            &[Way::Http(&First { routes: &[RESERVATION, BOOKING] })],
        ),
        Bug::new(
            "other-ticket-numbers",
            "ticket numbers are drawn twice: once for the answer, once for the table",
            "latency-baseline",
            &[Way::Http(&Changed {
                on: ChangedOn::Success(&[CONFIRM, BOOK]),
                change: other_tickets,
            })],
        ),
        Bug::new(
            "other-total",
            "the answer's total is rounded to whole units",
            "latency-baseline",
            &[Way::Http(&Changed {
                on: ChangedOn::Success(&[HOLD, CONFIRM, BOOK]),
                change: other_total,
            })],
        ),
        Bug::new(
            "other-end",
            "the answer's end of the hold is computed by the server's clock and its own default",
            "latency-baseline",
            &[Way::Http(&Changed { on: ChangedOn::Success(&[HOLD]), change: other_end })],
        ),
        Bug::new(
            "fewer-seats-told",
            "the answer's list of seats is cut off",
            "latency-baseline",
            &[Way::Http(&Changed { on: ChangedOn::Success(&[HOLD]), change: fewer_seats })],
        ),
        Bug::new(
            "taken-seats-look-free",
            "the seat map is drawn from a table that sales don't touch",
            "latency-baseline",
            &[Way::Http(&Changed { on: ChangedOn::Success(&[SEATS]), change: all_free })],
        ),
        Bug::new(
            "availability-of-all-events",
            "the count of free seats lost its event when it was moved into a function",
            "latency-baseline",
            &[Way::sql(SEAT_COUNTS, "where event_id = asked.id", "where asked.id is not null")],
        ),
        Bug::new(
            "ended-looks-held",
            "a hold's state is shown as the sweep left it",
            "latency-baseline",
            &[Way::sql(
                FIND_RESERVATION,
                "(case when state = 'held' and expires_at <= now() then 'expired' else state end)::text",
                "state::text",
            )],
        )
        .with(&[("EXPIRE_EVERY", "8s")]),
        Bug::new(
            "list-without-cancelled",
            "a user's list shows what is confirmed, and what was refunded can't be found",
            "latency-baseline",
            &[Way::sql(
                LIST_BOOKINGS,
                "from bookings where user_id = $1 and",
                "from bookings where user_id = $1 and state = 'confirmed' and",
            )],
        ),
    ],
};

/// How much later than it is the end of a hold is told.
const LATER: Duration = Duration::seconds(2);

/// What an answer tells; nothing where it has no such field.
fn told<'a>(answer: &'a mut Value, field: &str) -> Option<&'a mut Value> {
    answer.get_mut("data")?.get_mut(field)
}

/// What an answer lists under this name.
fn listed<'a>(answer: &'a mut Value, field: &str) -> impl Iterator<Item = &'a mut Value> {
    told(answer, field).and_then(Value::as_array_mut).into_iter().flatten()
}

fn other_tickets(answer: &mut Value) {
    for number in listed(answer, "tickets").filter_map(|ticket| ticket.get_mut("number")) {
        *number = number.as_str().unwrap_or_default().chars().rev().collect::<String>().into();
    }
}

fn other_total(answer: &mut Value) {
    if let Some(total) = told(answer, "total_cents") {
        *total = (total.as_i64().unwrap_or_default() + 1).into();
    }
}

fn other_end(answer: &mut Value) {
    let Some(end) = told(answer, "expires_at") else { return };
    let stored = OffsetDateTime::parse(end.as_str().unwrap_or_default(), &Rfc3339);
    if let Some(Ok(later)) = stored.ok().map(|stored| (stored + LATER).format(&Rfc3339)) {
        *end = later.into();
    }
}

fn fewer_seats(answer: &mut Value) {
    if let Some(seats) = told(answer, "seat_ids").and_then(Value::as_array_mut)
        && seats.len() > 1
    {
        seats.pop();
    }
}

fn all_free(answer: &mut Value) {
    let seats = answer.get_mut("data").and_then(Value::as_array_mut);
    for status in seats.into_iter().flatten().filter_map(|seat| seat.get_mut("status")) {
        *status = "available".into();
    }
}
