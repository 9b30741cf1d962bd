//! Answers that say what is not so, or not yet.

use serde_json::Value;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use super::http::{Changed, ChangedOn, First, Route};
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
            "answered-before-durable",
            "commits don't wait for the disk (synchronous_commit = off), for speed",
            "latency-baseline",
            &[Way::Session("synchronous_commit", "off")],
        ),
        Bug::new(
            "answered-after-rollback",
            "an error at the end of a transaction is logged, and the answer sent all the same",
            "latency-baseline",
            &[Way::RollBackOneIn(50)],
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
    ],
};

/// How much later than it is the end of a hold is told.
const LATER: Duration = Duration::seconds(2);

fn other_tickets(answer: &mut Value) {
    let tickets = answer["data"]["tickets"].as_array_mut();
    for ticket in tickets.into_iter().flatten() {
        let number: String = ticket["number"].as_str().unwrap_or_default().chars().rev().collect();
        ticket["number"] = number.into();
    }
}

fn other_total(answer: &mut Value) {
    let total = answer["data"]["total_cents"].as_i64().unwrap_or_default();
    answer["data"]["total_cents"] = (total + 1).into();
}

fn other_end(answer: &mut Value) {
    let end = answer["data"]["expires_at"].as_str().unwrap_or_default();
    let later = OffsetDateTime::parse(end, &Rfc3339).ok().map(|end| end + LATER);
    if let Some(Ok(later)) = later.map(|later| later.format(&Rfc3339)) {
        answer["data"]["expires_at"] = later.into();
    }
}

fn fewer_seats(answer: &mut Value) {
    if let Some(seats) = answer["data"]["seat_ids"].as_array_mut()
        && seats.len() > 1
    {
        seats.pop();
    }
}

fn all_free(answer: &mut Value) {
    let seats = answer["data"]["seats"].as_array_mut();
    for seat in seats.into_iter().flatten() {
        seat["status"] = "available".into();
    }
}
