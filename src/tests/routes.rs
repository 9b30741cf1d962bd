//! The routes, their refusals included.

use jsonwebtoken::{Algorithm, Header};
use reqwest::{Method, StatusCode};
use serde_json::json;
use uuid::Uuid;

use super::app::{
    Got, PRICE_CENTS, SEATS, SECRET, Setup, TestApp, claims, key, signed, token, value,
};
use crate::wire;

#[tokio::test]
async fn a_buyer_finds_an_event_holds_seats_pays_and_reads_the_booking() {
    let app = TestApp::start(Setup::default()).await;
    let user = Uuid::new_v4();
    let events: Vec<wire::Event> = app.get("/api/v1/events", None).await.data();
    assert_eq!(events.iter().map(|event| event.id).collect::<Vec<_>>(), [app.event]);
    let event: wire::Event = app.get(&format!("/api/v1/events/{}", app.event), None).await.data();
    assert_eq!(event.venue, "House");
    let held = app.held(user, &[app.seats[3], app.seats[1]]).await;
    assert_eq!(
        (held.seat_ids.clone(), held.total_cents),
        (vec![app.seats[1], app.seats[3]], 2 * PRICE_CENTS)
    );
    let read: wire::Reservation =
        app.get(&format!("/api/v1/reservations/{}", held.id), Some(user)).await.data();
    assert_eq!(read, held);
    let booking: wire::Booking = app.confirm(user, &key(), held.id).await.data();
    assert_eq!(
        (booking.state.as_str(), booking.total_cents, booking.tickets.len()),
        ("confirmed", 2 * PRICE_CENTS, 2)
    );
    let by_id: wire::Booking =
        app.get(&format!("/api/v1/bookings/{}", booking.id), Some(user)).await.data();
    let by_reference: wire::Booking = app
        .get(&format!("/api/v1/bookings/reference/{}", booking.reference), Some(user))
        .await
        .data();
    assert_eq!((&by_id, &by_reference), (&booking, &booking));
    let now = app.availability().await;
    assert_eq!(
        (now.total, now.available, now.held, now.sold),
        (i64::from(SEATS), i64::from(SEATS) - 2, 0, 2)
    );
    let seats: Vec<wire::Seat> =
        app.get(&format!("/api/v1/events/{}/seats", app.event), None).await.data();
    assert_eq!(seats.iter().filter(|seat| seat.status == wire::SeatStatus::Sold).count(), 2);
    app.clean_audit().await;
}

#[tokio::test]
async fn a_token_that_does_not_hold_opens_nothing() {
    let app = TestApp::start(Setup::default()).await;
    let tokens = app.logged_in("ada@example.org").await;
    let user = tokens.user_id;
    let held = app.held(user, &[app.seats[0]]).await;
    let path = format!("/api/v1/reservations/{}", held.id);
    let claimed = claims(user);
    let now = crate::clock::since_epoch().as_secs();
    let from = |nbf: u64| {
        let mut claims = serde_json::to_value(&claimed).unwrap();
        claims["nbf"] = json!(nbf);
        token(&claims)
    };
    let good = token(&claimed);
    for good in [&good, &tokens.access_token, &from(now)] {
        assert_eq!(app.get_with_token(&path, good).await.status, StatusCode::OK, "{good}");
    }
    let part = |n: usize| good.split('.').nth(n).unwrap();
    let by_algorithm = |algorithm| signed(&Header::new(algorithm), &claimed, SECRET);
    let other_key = b"another secret of more than thirty-two bytes";
    for (what, bad) in [
        ("has run out", token(&wire::Claims { exp: 1, ..claims(user) })),
        ("is not good yet", from(now + 600)),
        ("of another issuer", token(&wire::Claims { iss: "somebody".to_owned(), ..claims(user) })),
        ("of another role", token(&wire::Claims { role: "emperor".to_owned(), ..claims(user) })),
        ("without an end", token(&json!({"sub": user, "role": "customer", "iss": "ticketctl"}))),
        ("without a user", token(&json!({"role": "admin", "iss": "ticketctl", "exp": now + 600}))),
        ("unsigned", format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{}.", part(1))),
        ("without its signature", format!("{}.{}.", part(0), part(1))),
        ("of another key", signed(&Header::default(), &claimed, other_key)),
        ("by HS384", by_algorithm(Algorithm::HS384)),
        ("by HS512", by_algorithm(Algorithm::HS512)),
        ("tampered with", format!("{good}x")),
        ("a refresh token", tokens.refresh_token.clone()),
        ("nothing", String::new()),
    ] {
        let got = app.get_with_token(&path, &bad).await;
        assert_eq!(got.status, StatusCode::UNAUTHORIZED, "a token {what} was taken");
        assert!(!got.body.contains(&held.id.to_string()));
        let (message, challenge) = refusal_of_token(&got);
        let says = if what == "has run out" {
            "the access token has expired, trade the refresh token for a new one at /api/v1/auth/refresh"
        } else {
            "the access token is not one of this server's, log in at /api/v1/auth/login"
        };
        assert_eq!(message, says, "a token {what}");
        let expected = r#"Bearer realm="ticketctl", error="invalid_token", error_description=""#;
        assert_eq!(challenge, format!("{expected}{says}\""), "a token {what}");
    }
}

/// The message of a 401 and its challenge.
fn refusal_of_token(got: &Got) -> (String, String) {
    let message = value(&got.body)["message"].as_str().unwrap().to_owned();
    (message, got.headers["www-authenticate"].to_str().unwrap().to_owned())
}

#[tokio::test]
async fn who_brings_no_token_is_told_how_to_and_nothing_is_said_of_one() {
    let app = TestApp::start(Setup::default()).await;
    for header in [None, Some("Basic YWRhOnNlY3JldA=="), Some("rubbish")] {
        let call = app.call(Method::GET, "/api/v1/bookings");
        let call =
            if let Some(value) = header { call.header("authorization", value) } else { call };
        let got = call.send().await;
        assert_eq!(got.status, StatusCode::UNAUTHORIZED);
        let (message, challenge) = refusal_of_token(&got);
        assert_eq!(challenge, r#"Bearer realm="ticketctl""#, "{header:?}");
        assert!(message.contains("Authorization: Bearer"), "{header:?}: {message}");
    }
}

#[tokio::test]
async fn only_its_owner_may_use_a_reservation() {
    let app = TestApp::start(Setup::default()).await;
    let (owner, stranger) = (Uuid::new_v4(), Uuid::new_v4());
    let held = app.held(owner, &[app.seats[0]]).await;
    let read = app.get(&format!("/api/v1/reservations/{}", held.id), Some(stranger)).await;
    let cancelled = app.cancel(stranger, held.id).await;
    let confirmed = app.confirm(stranger, &key(), held.id).await;
    for got in [&read, &cancelled, &confirmed] {
        assert_eq!((got.status, got.reason().as_str()), (StatusCode::FORBIDDEN, "not_owner"));
    }
    let booking: wire::Booking = app.confirm(owner, &key(), held.id).await.data();
    for path in [
        format!("/api/v1/bookings/{}", booking.id),
        format!("/api/v1/bookings/reference/{}", booking.reference),
    ] {
        assert_eq!(app.get(&path, Some(stranger)).await.status, StatusCode::FORBIDDEN);
        let admin = wire::Claims { role: "admin".to_owned(), ..claims(stranger) };
        assert_eq!(app.get_with_token(&path, &token(&admin)).await.status, StatusCode::OK);
    }
    assert_eq!(app.stack.payments().ledger().len(), 1);
}

#[tokio::test]
async fn bad_requests_are_refused_with_the_field_and_change_nothing() {
    let app = TestApp::start(Setup::default()).await;
    let seat = app.seats[0];
    let event = app.event;
    let many: Vec<i64> = (1..=51).collect();
    let cases = [
        (json!({"event_id": event, "seat_ids": []}).to_string(), 422, "seat_ids"),
        (json!({"event_id": event, "seat_ids": [seat, seat]}).to_string(), 422, "seat_ids"),
        (json!({"event_id": event, "seat_ids": many}).to_string(), 422, "seat_ids"),
        (
            json!({"event_id": event, "seat_ids": [seat], "ttl_seconds": 0}).to_string(),
            422,
            "ttl_seconds",
        ),
        (
            json!({"event_id": event, "seat_ids": [seat], "ttl_seconds": 999_999}).to_string(),
            422,
            "ttl_seconds",
        ),
        (
            json!({"event_id": event, "seat_ids": [seat], "ttl_seconds": -1}).to_string(),
            422,
            "ttl_seconds",
        ),
        (json!({"event_id": event, "seat_ids": [seat], "price": 1}).to_string(), 422, "price"),
        (json!({"event_id": "x", "seat_ids": [seat]}).to_string(), 422, "event_id"),
        (json!({"event_id": event, "seat_ids": [seat, "x"]}).to_string(), 422, "seat_ids[1]"),
        (json!({"seat_ids": [seat]}).to_string(), 422, "event_id"),
        (json!([event, [seat]]).to_string(), 422, "body"),
        ("{".to_owned(), 400, "body"),
        (String::new(), 400, "body"),
        ("[".repeat(10_000), 400, "body"),
        (" ".repeat(70_000), 413, ""),
    ];
    for (body, status, field) in cases {
        let got = app
            .send(
                (Method::POST, "/api/v1/reservations"),
                Some(Uuid::new_v4()),
                Some(&key()),
                Some(body.clone()),
            )
            .await;
        let shown = &body[..body.len().min(80)];
        assert_eq!((got.status.as_u16(), got.reason().as_str()), (status, field), "{shown}");
    }
    assert_eq!(app.availability().await.held, 0);
}

#[tokio::test]
async fn what_is_not_there_is_404_and_other_methods_405_in_the_same_envelope() {
    let app = TestApp::start(Setup::default()).await;
    let user = Some(Uuid::new_v4());
    let none = Uuid::new_v4();
    for path in [
        format!("/api/v1/events/{none}"),
        format!("/api/v1/events/{none}/availability"),
        format!("/api/v1/reservations/{none}"),
        format!("/api/v1/bookings/{none}"),
        "/api/v1/bookings/reference/NOSUCH".to_owned(),
        "/api/v1/bookings/reference/%00'".to_owned(),
        "/api/v1/idempotency/never-used".to_owned(),
        "/api/v1/nothing".to_owned(),
        "/nothing".to_owned(),
    ] {
        let got = app.get(&path, user).await;
        assert_eq!(got.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(value(&got.body)["success"], json!(false), "{path}");
    }
    for (path, field) in [
        ("/api/v1/events/rubbish", "id"),
        ("/api/v1/bookings/user/rubbish", "user_id"),
        ("/api/v1/bookings/reference/%ff", "reference"),
        ("/api/v1/idempotency/two%20words", "key"),
        ("/api/v1/events?cursor=rubbish", "cursor"),
        ("/api/v1/events?from=tomorrow", "from"),
        ("/api/v1/events?colour=red", "colour"),
    ] {
        assert_eq!(app.get(path, user).await.refusal(), (400, field.to_owned()), "{path}");
    }
    let put = app.send((Method::PUT, "/api/v1/reservations"), user, None, None).await;
    assert_eq!(put.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(value(&put.body)["success"], json!(false));
}

#[tokio::test]
async fn a_server_whose_database_is_away_says_so_quickly_and_serves_again_when_it_is_back() {
    let app = TestApp::start(Setup::default()).await;
    assert_eq!(app.get("/health/ready", None).await.status, StatusCode::OK);
    app.stack.kill("postgres").await.unwrap();
    let began = crate::clock::monotonic();
    let held = app.hold(Uuid::new_v4(), &key(), &[app.seats[0]], 60).await;
    assert_eq!(
        (held.status, held.retry_after.as_deref()),
        (StatusCode::SERVICE_UNAVAILABLE, Some("1"))
    );
    assert!(began.elapsed().as_secs() < 6, "it took {:?}", began.elapsed());
    assert_eq!(app.get("/health/ready", None).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(app.get("/health/live", None).await.status, StatusCode::OK);
    app.stack.restart("postgres").await.unwrap();
    let deadline = crate::clock::monotonic() + std::time::Duration::from_secs(10);
    while app.get("/health/ready", None).await.status != StatusCode::OK {
        assert!(crate::clock::monotonic() < deadline, "not ready ten seconds after the database");
    }
    app.held(Uuid::new_v4(), &[app.seats[0]]).await;
}
