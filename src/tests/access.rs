//! Who may call which route: every route of the table, by nobody, by each role, by its owner and by a stranger.

use std::collections::BTreeSet;

use reqwest::{Method, StatusCode};
use serde_json::json;
use uuid::Uuid;

use super::app::{Got, Setup, TestApp};
use crate::api::auth::Access;
use crate::api::routes::ROUTES;
use crate::domain::Role;
use crate::wire;

/// What a route's own test says about who may call it, written down a second time on purpose: a rule changed by mistake
/// in one place fails here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// Everybody.
    Anyone,
    /// Everybody: what proves them is in the body.
    Credentials,
    /// Everybody with a token.
    Users,
    /// Its owner and admins; strangers get 403.
    Owners,
    /// Its owner alone, not even an admin: what it does, it does in the owner's name.
    OwnerAlone,
    /// Organizers and admins.
    Organizers,
    /// The event's own organizer and admins.
    OwnOrganizer,
}

const RULES: &[(&str, &str, Rule)] = &[
    ("POST", "/api/v1/auth/register", Rule::Credentials),
    ("POST", "/api/v1/auth/login", Rule::Credentials),
    ("POST", "/api/v1/auth/refresh", Rule::Credentials),
    ("POST", "/api/v1/auth/logout", Rule::Credentials),
    ("GET", "/api/v1/events", Rule::Anyone),
    ("POST", "/api/v1/events", Rule::Organizers),
    ("GET", "/api/v1/events/{id}", Rule::Anyone),
    ("PATCH", "/api/v1/events/{id}", Rule::OwnOrganizer),
    ("DELETE", "/api/v1/events/{id}", Rule::OwnOrganizer),
    ("GET", "/api/v1/events/{id}/seats", Rule::Anyone),
    ("PUT", "/api/v1/events/{id}/seats", Rule::OwnOrganizer),
    ("GET", "/api/v1/events/{id}/availability", Rule::Anyone),
    ("POST", "/api/v1/reservations", Rule::Users),
    ("GET", "/api/v1/reservations/{id}", Rule::Owners),
    ("DELETE", "/api/v1/reservations/{id}", Rule::OwnerAlone),
    ("POST", "/api/v1/reservations/{id}/extend", Rule::OwnerAlone),
    ("GET", "/api/v1/reservations/user/{user_id}", Rule::Owners),
    ("POST", "/api/v1/bookings", Rule::Users),
    ("GET", "/api/v1/bookings", Rule::Users),
    ("POST", "/api/v1/bookings/confirm", Rule::OwnerAlone),
    ("GET", "/api/v1/bookings/{id}", Rule::Owners),
    ("PATCH", "/api/v1/bookings/{id}/cancel", Rule::Owners),
    ("GET", "/api/v1/bookings/reference/{reference}", Rule::Owners),
    ("GET", "/api/v1/bookings/user/{user_id}", Rule::Owners),
    ("GET", "/api/v1/tickets/{number}/qr", Rule::Owners),
    ("POST", "/api/v1/tickets/{number}/check-in", Rule::OwnOrganizer),
    ("GET", "/api/v1/idempotency/{key}", Rule::Users),
    ("GET", "/api", Rule::Anyone),
    ("GET", "/api/", Rule::Anyone),
    ("GET", "/api/{file}", Rule::Anyone),
    ("GET", "/api/openapi.json", Rule::Anyone),
    ("GET", "/api/reference", Rule::Anyone),
    ("GET", "/api/reference/scalar.js", Rule::Anyone),
    ("GET", "/health", Rule::Anyone),
    ("GET", "/health/live", Rule::Anyone),
    ("GET", "/health/ready", Rule::Anyone),
    ("GET", "/metrics", Rule::Anyone),
];

#[test]
fn every_route_has_a_rule_here_and_every_rule_a_route() {
    let of_table: BTreeSet<(&str, &str)> =
        ROUTES.iter().map(|route| (route.method.as_str(), route.path)).collect();
    let of_test: BTreeSet<(&str, &str)> =
        RULES.iter().map(|(method, path, _)| (*method, *path)).collect();
    assert_eq!(of_table.len(), ROUTES.len(), "a route stands in the table twice");
    assert_eq!(of_table, of_test);
}

#[test]
fn the_table_says_of_every_route_what_its_rule_here_is() {
    for (method, path, rule) in RULES {
        let route = ROUTES
            .iter()
            .find(|route| route.method.as_str() == *method && route.path == *path)
            .unwrap_or_else(|| panic!("{method} {path}"));
        let access = match rule {
            Rule::Anyone | Rule::Credentials => Access::Anyone,
            Rule::Users => Access::SignedIn,
            Rule::Owners => Access::Owner,
            Rule::OwnerAlone => Access::OwnerAlone,
            Rule::Organizers | Rule::OwnOrganizer => Access::Only(&[Role::Organizer, Role::Admin]),
        };
        assert_eq!(route.access, access, "{route:?}");
    }
}

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Nobody,
    Owner,
    Stranger(Role),
}

/// Whether the caller gets past the rule.
fn allowed(rule: Rule, who: Who) -> Result<(), StatusCode> {
    match (rule, who) {
        (Rule::Anyone | Rule::Credentials, _) => Ok(()),
        (_, Who::Nobody) => Err(StatusCode::UNAUTHORIZED),
        (Rule::Users, _)
        | (_, Who::Owner)
        | (Rule::Organizers, Who::Stranger(Role::Organizer | Role::Admin))
        | (Rule::Owners | Rule::OwnOrganizer, Who::Stranger(Role::Admin)) => Ok(()),
        _ => Err(StatusCode::FORBIDDEN),
    }
}

/// Things of one owner: an event of theirs, and a reservation, a booking and a ticket for somebody else's event.
struct Belongings {
    owner: Uuid,
    event: wire::Event,
    reservation: Uuid,
    booking: wire::Booking,
    /// Sold at the owner's own event: the one they may let in.
    checked_ticket: String,
}

async fn belongings(app: &TestApp) -> Belongings {
    let owner = Uuid::new_v4();
    let event = app.general_event(owner, 10, None).await;
    let guest = Uuid::new_v4();
    let order = json!({"event_id": event.id, "quantity": 1});
    let visit: wire::Booking = app.buy(guest, &super::app::key(), &order).await.data();
    let seats = |n: usize| json!({"event_id": app.event, "seat_ids": [app.seats[n]]});
    let booking: wire::Booking = app.buy(owner, &super::app::key(), &seats(0)).await.data();
    let reservation = app.held(owner, &[app.seats[1]]).await.id;
    let checked_ticket = visit.tickets[0].number.clone();
    Belongings { owner, event, reservation, booking, checked_ticket }
}

fn path_of(path: &str, of: &Belongings) -> String {
    let id = match path {
        path if path.contains("/events/") => of.event.id,
        path if path.contains("/reservations/") => of.reservation,
        _ => of.booking.id,
    };
    let ticket =
        if path.ends_with("check-in") { &of.checked_ticket } else { &of.booking.tickets[0].number };
    path.replace("{id}", &id.to_string())
        .replace("{user_id}", &of.owner.to_string())
        .replace("{reference}", &of.booking.reference)
        .replace("{number}", ticket)
        .replace("{key}", "some-key")
        .replace("{file}", "swagger-ui.css")
}

/// The request that a caller makes: it gets past everything but the rule, and changes nothing of the owner's that another
/// caller needs.
async fn ask(app: &TestApp, of: &Belongings, (method, path): (&str, &str), who: Who) -> Got {
    let call = app.call(Method::from_bytes(method.as_bytes()).unwrap(), &path_of(path, of)).keyed();
    let call = match (method, path) {
        ("GET" | "DELETE", _) => call,
        (_, path) if path.ends_with("/seats") => {
            call.body("text/csv", "section,row,number,price\nA,1,1,5\n")
        }
        (_, path) if path.ends_with("/confirm") => {
            call.json(&json!({"reservation_id": of.reservation, "payment_method": "declined"}))
        }
        _ => call.json(&json!({})),
    };
    // A version that never was: whoever gets past the rule is told 412, and nothing changes.
    let call = call.if_match(0);
    let call = match who {
        Who::Nobody => call,
        Who::Owner => call.role(of.owner, Role::Organizer),
        Who::Stranger(role) => call.role(Uuid::new_v4(), role),
    };
    call.send().await
}

#[tokio::test]
async fn every_route_keeps_to_its_rule_for_every_caller() {
    let app = TestApp::start(Setup::default()).await;
    let of = belongings(&app).await;
    // The owner last: what they do may end what the others were refused.
    let callers = Role::ALL.map(Who::Stranger).into_iter().chain([Who::Nobody, Who::Owner]);
    for (who, (method, path, rule)) in
        callers.flat_map(|who| RULES.iter().map(move |rule| (who, rule)))
    {
        let got = ask(&app, &of, (method, path), who).await;
        let what = format!("{method} {path} by {who:?}: {} {}", got.status, got.body);
        if let Err(refused) = allowed(*rule, who) {
            assert_eq!(got.status, refused, "{what}");
            continue;
        }
        let refused = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN];
        assert!(!refused.contains(&got.status), "{what}");
        assert!(got.status.as_u16() < 500, "{what}");
    }
}
