//! People who may do what is not theirs to do.

use super::http::{AsAdmin, AsOwner, Owned, Route};
use super::statements::{CHECK_IN, ROW_LOCK_CLAIM};
use super::{Bug, Class, Way};

/// The class.
pub const CLASS: Class = Class {
    name: "people",
    bugs: &[
        Bug::new(
            "anybody-reads-reservation",
            "the route looks whether its caller is signed in, and not whose the reservation is",
            "latency-baseline",
            &[Way::Http(&AsOwner {
                route: Route::new("GET", "/api/v1/reservations/{}"),
                owned: Owned::Reservation,
            })],
        ),
        Bug::new(
            "anybody-cancels-reservation",
            "giving a hold up needs no more than its id",
            "latency-baseline",
            &[Way::Http(&AsOwner {
                route: Route::new("DELETE", "/api/v1/reservations/{}"),
                owned: Owned::Reservation,
            })],
        ),
        Bug::new(
            "anybody-extends-reservation",
            "the owner is checked in the form that leads there, and not where it leads",
            "latency-baseline",
            &[Way::Http(&AsOwner {
                route: Route::new("POST", "/api/v1/reservations/{}/extend"),
                owned: Owned::Reservation,
            })],
        ),
        Bug::new(
            "anybody-pays-for-reservation",
            "who pays is taken for who holds",
            "latency-baseline",
            &[Way::Http(&AsOwner {
                route: Route::new("POST", "/api/v1/bookings/confirm"),
                owned: Owned::ReservationInBody,
            })],
        ),
        Bug::new(
            "anybody-reads-booking",
            "ids were thought to be secrets",
            "latency-baseline",
            &[Way::Http(&AsOwner {
                route: Route::new("GET", "/api/v1/bookings/{}"),
                owned: Owned::Booking,
            })],
        ),
        Bug::new(
            "anybody-reads-by-reference",
            "references are short, and the route that takes one was added later",
            "latency-baseline",
            &[Way::Http(&AsOwner {
                route: Route::new("GET", "/api/v1/bookings/reference/{}"),
                owned: Owned::Reference,
            })],
        ),
        Bug::new(
            "anybody-cancels-booking",
            "the check on the owner was lost when admins were let in",
            "latency-baseline",
            &[Way::Http(&AsOwner {
                route: Route::new("PATCH", "/api/v1/bookings/{}/cancel"),
                owned: Owned::Booking,
            })],
        ),
        Bug::new(
            "anybody-lists-reservations",
            "whose list it is stands in the path, and is believed",
            "latency-baseline",
            &[Way::Http(&AsOwner {
                route: Route::new("GET", "/api/v1/reservations/user/{}"),
                owned: Owned::User,
            })],
        ),
        Bug::new(
            "anybody-lists-bookings",
            "whose list it is stands in the path, and is believed",
            "latency-baseline",
            &[Way::Http(&AsOwner {
                route: Route::new("GET", "/api/v1/bookings/user/{}"),
                owned: Owned::User,
            })],
        ),
        Bug::new(
            "anybody-draws-ticket",
            "the ticket's picture is served like any other",
            "latency-baseline",
            &[Way::Http(&AsOwner {
                route: Route::new("GET", "/api/v1/tickets/{}/qr"),
                owned: Owned::Ticket,
            })],
        ),
        Bug::new(
            "anybody-checks-in",
            "the door's app checks the role, and the server doesn't",
            "latency-baseline",
            &[Way::Http(&AsAdmin { routes: &[Route::new("POST", "/api/v1/tickets/{}/check-in")] })],
        ),
        Bug::new(
            "ticket-let-in-twice",
            "whether a ticket was used is looked at before, and not in the statement that uses it",
            "latency-baseline",
            &[Way::sql(CHECK_IN, "and live and checked_in_at is null", "and live")],
        ),
        Bug::new(
            "cancelled-ticket-let-in",
            "the door looks for the number, and not whether its booking stands",
            "latency-baseline",
            &[Way::sql(
                CHECK_IN,
                "and live and checked_in_at is null",
                "and checked_in_at is null",
            )],
        ),
        Bug::new(
            "anybody-cancels-event",
            "the office's tool hides the button, and the route behind it asks for no role",
            "latency-baseline",
            &[Way::Http(&AsAdmin { routes: &[Route::new("PATCH", "/api/v1/events/{}")] })],
        ),
        Bug::new(
            "seats-of-another-event",
            "whether a seat is the event's is left to the page that drew it",
            "latency-baseline",
            &[
                Way::sql(
                    ROW_LOCK_CLAIM,
                    "and not bool_or(taken) and bool_and(event_id = $4)",
                    "and not bool_or(taken)",
                ),
                Way::sql(
                    ROW_LOCK_CLAIM,
                    "select id as \"id!\", event_id as \"event_id!\"",
                    "select id as \"id!\", $4 as \"event_id!\"",
                ),
            ],
        )
        .of_strategy("row_lock"),
    ],
};
