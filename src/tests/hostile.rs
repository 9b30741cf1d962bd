//! Requests that mean harm: SQL in every text, bodies of the wrong kind, size, depth and character set. Each is answered
//! with 4xx in the usual envelope, changes nothing and says nothing about the inside.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use super::app::{Got, Setup, TestApp, asking, key, value};
use crate::domain::Role;
use crate::wire;

const SQL: &[&str] = &[
    "'; drop table seats; --",
    "\" or 1=1 --",
    "1); delete from bookings; --",
    "$1",
    "%27%20or%20%271%27%3D%271",
    "\\'; select pg_sleep(10); --",
];

/// A refusal in its envelope, without a word about the inside.
#[track_caller]
fn assert_refused(got: &Got, what: &str) {
    assert!(got.status.is_client_error(), "{what}: {} {}", got.status, got.body);
    let body = value(&got.body);
    assert_eq!(body["success"], json!(false), "{what}: {}", got.body);
    assert!(body["message"].is_string() && body["errors"].is_array(), "{what}: {}", got.body);
    for error in body["errors"].as_array().unwrap() {
        assert!(error["field"].is_string() && error["message"].is_string(), "{what}: {}", got.body);
    }
    for inside in ["sqlx", "postgres", "syntax error", "relation", "panicked", "src/", ".rs:"] {
        assert!(!got.body.contains(inside), "{what} tells of the inside: {}", got.body);
    }
}

#[tokio::test]
async fn sql_in_every_text_is_text() {
    let app = TestApp::start(Setup::default()).await;
    let organizer = Uuid::new_v4();
    for sql in SQL {
        let created = app
            .call(Method::POST, "/api/v1/events")
            .role(organizer, Role::Organizer)
            .json(&json!({"title": sql, "venue": sql, "description": sql, "starts_at": "2030-01-01T00:00:00Z"}))
            .send()
            .await;
        assert_eq!(created.status, StatusCode::CREATED, "{}", created.body);
        let event: wire::Event = created.data();
        assert_eq!((event.title.as_str(), event.description.as_str()), (*sql, *sql));
        let found = app
            .call(
                Method::GET,
                &asking("/api/v1/events", &[("status", "draft"), ("q", sql), ("venue", sql)]),
            )
            .role(organizer, Role::Organizer)
            .send()
            .await;
        assert_eq!(found.status, StatusCode::OK, "{}", found.body);
        for query in ["cursor", "from", "limit", "status", "price_min", "unknown"] {
            let got = app.get(&asking("/api/v1/events", &[(query, sql)]), None).await;
            assert_refused(&got, query);
        }
        let map = format!("section,row,number,price\n\"{}\",1,1,5\n", sql.replace('"', "\"\""));
        let seated = app
            .call(Method::PUT, &format!("/api/v1/events/{}/seats", event.id))
            .role(organizer, Role::Organizer)
            .if_match(event.version)
            .body("text/csv", map)
            .send()
            .await;
        assert_eq!(seated.status, StatusCode::OK, "{}", seated.body);
        let user = Uuid::new_v4();
        let held = app.held(user, &[app.seats[0]]).await;
        let paid = app
            .call(Method::POST, "/api/v1/bookings/confirm")
            .user(user)
            .header(wire::IDEMPOTENCY_KEY, &sql.replace(' ', "+"))
            .json(&json!({"reservation_id": held.id, "payment_method": sql}))
            .send()
            .await;
        assert_eq!(paid.status, StatusCode::CREATED, "{}", paid.body);
        let booking: wire::Booking = paid.data();
        let path = format!("/api/v1/bookings/{}/cancel", booking.id);
        app.call(Method::PATCH, &path).user(user).send().await;
    }
    let tables: Value = json!(app.availability().await.total);
    assert_eq!(tables, json!(app.seats.len()), "something of the SQL was carried out");
    app.clean_audit().await;
}

#[tokio::test]
async fn sql_in_every_path_finds_nothing() {
    let app = TestApp::start(Setup::default()).await;
    let user = Uuid::new_v4();
    for sql in SQL {
        let word = percent_encoded(sql);
        for path in [
            format!("/api/v1/events/{word}"),
            format!("/api/v1/reservations/{word}"),
            format!("/api/v1/reservations/user/{word}"),
            format!("/api/v1/bookings/{word}"),
            format!("/api/v1/bookings/reference/{word}"),
            format!("/api/v1/tickets/{word}/qr"),
            format!("/api/v1/idempotency/{word}"),
        ] {
            assert_refused(&app.call(Method::GET, &path).user(user).send().await, &path);
        }
    }
}

#[tokio::test]
async fn bodies_of_the_wrong_kind_size_depth_or_character_set_change_nothing() {
    let app = TestApp::start(Setup::default()).await;
    let organizer = Uuid::new_v4();
    let event = app.general_event(organizer, 5, None).await;
    let order = json!({"event_id": event.id, "quantity": 1}).to_string();
    let latin = [br#"{"event_id": ""#.as_slice(), b"\xe9", b"\"}"].concat();
    let deep = format!("{{\"event_id\":{}{}}}", "[".repeat(20_000), "]".repeat(20_000));
    let cases: Vec<(&str, Vec<u8>, u16)> = vec![
        ("text/plain", order.clone().into_bytes(), 415),
        ("application/x-www-form-urlencoded", order.clone().into_bytes(), 415),
        ("application/json; charset=iso-8859-1", order.clone().into_bytes(), 415),
        ("application/json", latin, 400),
        ("application/json", deep.into_bytes(), 422),
        ("application/json", vec![b' '; 70_000], 413),
        ("application/json", b"\xef\xbb\xbf{}".to_vec(), 400),
        ("application/json", b"nan".to_vec(), 400),
        ("application/json", b"null".to_vec(), 422),
        ("application/json", br#"{"event_id":1,"quantity":1e400}"#.to_vec(), 422),
        ("application/json", br#"{"quantity":1,"quantity":2}"#.to_vec(), 422),
    ];
    for path in ["/api/v1/reservations", "/api/v1/bookings", "/api/v1/bookings/confirm"] {
        for (kind, body, status) in &cases {
            let call = app.call(Method::POST, path).user(Uuid::new_v4()).keyed();
            let got = call.body(kind, body.clone()).send().await;
            let what =
                format!("{path} {kind} {:?}", String::from_utf8_lossy(&body[..body.len().min(40)]));
            assert_refused(&got, &what);
            // A parser may find that a body makes no sense before it finds that it can't be read.
            let unreadable = [400, 422];
            let fits = got.status == *status
                || (unreadable.contains(status) && unreadable.contains(&got.status.as_u16()));
            assert!(fits, "{what}: {} {}", got.status, got.body);
        }
        for (what, call) in [
            ("no key", app.call(Method::POST, path).user(Uuid::new_v4())),
            (
                "a key too long",
                app.call(Method::POST, path)
                    .user(Uuid::new_v4())
                    .header(wire::IDEMPOTENCY_KEY, &"k".repeat(256)),
            ),
        ] {
            let got = call.body("application/json", order.clone()).send().await;
            assert_refused(&got, what);
            assert_eq!(got.refusal(), (400, "idempotency_key".to_owned()), "{path} {what}");
        }
    }
    let got = app
        .call(Method::POST, "/api/v1/events")
        .role(organizer, Role::Organizer)
        .json(&json!({"title": "a\u{0}b", "venue": "v", "starts_at": "2030-01-01T00:00:00Z"}))
        .send()
        .await;
    assert_refused(&got, "a NUL");
    let left: wire::Availability =
        app.get(&format!("/api/v1/events/{}/availability", event.id), None).await.data();
    assert_eq!((left.available, app.availability().await.held), (5, 0));
}

#[tokio::test]
async fn a_body_cannot_name_another_user() {
    let app = TestApp::start(Setup::default()).await;
    let (user, victim) = (Uuid::new_v4(), Uuid::new_v4());
    for body in [
        json!({"event_id": app.event, "seat_ids": [app.seats[0]], "user_id": victim}),
        json!({"event_id": app.event, "seat_ids": [app.seats[0]], "userId": victim}),
    ] {
        assert_refused(&app.buy(user, &key(), &body).await, "another user's id");
    }
    assert_eq!(app.audit().await.reservations, []);
}

/// Every byte written as `%xx`.
fn percent_encoded(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut word, byte| {
        write!(word, "%{byte:02x}").unwrap();
        word
    })
}
