//! Requests that mean harm: SQL in every text, and what no route takes. Each is answered with 4xx in the usual envelope,
//! changes nothing and says nothing about the inside.

/// Bodies of the wrong kind, size, depth, character set and speed.
mod bodies;
/// Requests that are no HTTP, or HTTP against its rules.
mod http;
/// Texts with characters that nobody sees.
mod texts;

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
async fn sql_in_every_text_of_an_event_is_text() {
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
        let again = format!("{sql} {sql}");
        let changed = app
            .call(Method::PATCH, &format!("/api/v1/events/{}", event.id))
            .role(organizer, Role::Organizer)
            .if_match(event.version)
            .json(&json!({"title": again, "venue": again, "description": again}))
            .send()
            .await;
        let event: wire::Event = changed.data();
        assert_eq!([&event.title, &event.venue, &event.description], [&again; 3]);
        let asked = [("status", "draft"), ("q", sql), ("venue", &again)];
        let found = app
            .call(Method::GET, &asking("/api/v1/events", &asked))
            .role(organizer, Role::Organizer)
            .send()
            .await;
        assert_eq!(found.status, StatusCode::OK, "{}", found.body);
        for query in ["cursor", "from", "limit", "status", "price_min", "unknown"] {
            let got = app.get(&asking("/api/v1/events", &[(query, sql)]), None).await;
            assert_refused(&got, query);
            assert_eq!(got.refusal(), (400, query.to_owned()));
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
    }
    assert_whole(&app).await;
}

#[tokio::test]
async fn sql_in_a_key_or_a_payment_method_is_text() {
    let app = TestApp::start(Setup::default()).await;
    for sql in SQL {
        let user = Uuid::new_v4();
        let word = sql.replace(' ', "+");
        let held = app.held(user, &[app.seats[0]]).await;
        let paid = app
            .call(Method::POST, "/api/v1/bookings/confirm")
            .user(user)
            .header(wire::IDEMPOTENCY_KEY, &word)
            .json(&json!({"reservation_id": held.id, "payment_method": sql}))
            .send()
            .await;
        assert_eq!(paid.status, StatusCode::CREATED, "{}", paid.body);
        let order =
            json!({"event_id": app.event, "seat_ids": [app.seats[1]], "payment_method": sql});
        let bought = app.buy(user, &format!("{word}-2"), &order).await;
        assert_eq!(bought.status, StatusCode::CREATED, "{}", bought.body);
        let other = app.hold(user, &format!("{word}-3"), &[app.seats[2]], 60).await;
        assert_eq!(other.status, StatusCode::CREATED, "{}", other.body);
        for key in [word.clone(), format!("{word}-2"), format!("{word}-3")] {
            let path = format!("/api/v1/idempotency/{}", percent_encoded(&key));
            let found: wire::IdempotencyStatus = app.get(&path, Some(user)).await.data();
            assert_eq!((found.key, found.state.as_str()), (key, "SUCCESS"));
        }
        // A key is one word.
        if sql.contains(' ') {
            let got = app.hold(user, sql, &[app.seats[3]], 60).await;
            assert_eq!(got.refusal(), (400, "idempotency_key".to_owned()));
        }
        for got in [paid, bought] {
            let path = format!("/api/v1/bookings/{}/cancel", got.data::<wire::Booking>().id);
            let back = app.call(Method::PATCH, &path).user(user).send().await;
            assert_eq!(back.status, StatusCode::OK, "{}", back.body);
        }
        assert_eq!(
            app.cancel(user, other.data::<wire::Reservation>().id).await.status,
            StatusCode::OK
        );
    }
    assert_whole(&app).await;
}

#[tokio::test]
async fn sql_in_an_address_a_password_or_a_token_lets_nobody_in_and_logs_nobody_out() {
    let app = TestApp::start(Setup::default()).await;
    let victim = app.logged_in("victim@example.org").await;
    let post = async |path: &str, body: Value| {
        app.call(Method::POST, &format!("/api/v1/auth/{path}")).json(&body).send().await
    };
    for (n, sql) in SQL.iter().enumerate() {
        // Long enough for a password, and one word for an address.
        let password = format!("{sql} is my password");
        let email = format!("{}{n}@example.org", sql.replace(' ', "+"));
        let credentials = json!({"email": email, "password": password});
        assert_eq!(post("register", credentials.clone()).await.status, StatusCode::ACCEPTED);
        let tokens: wire::Tokens = post("login", credentials).await.data();
        assert_ne!(tokens.user_id, victim.user_id);
        for (email, password) in [
            ("victim@example.org", password.as_str()),
            (sql, password.as_str()),
            (&format!("victim@example.org{}", sql.replace(' ', "/**/")), "correct horse battery"),
        ] {
            let got = post("login", json!({"email": email, "password": password})).await;
            assert_refused(&got, email);
        }
        assert_refused(&post("refresh", json!({"refresh_token": sql})).await, sql);
        assert_eq!(post("logout", json!({"refresh_token": sql})).await.status, StatusCode::OK);
    }
    let refreshed = post("refresh", json!({"refresh_token": victim.refresh_token})).await;
    assert_eq!(refreshed.status, StatusCode::OK, "somebody else's words ended this login");
    assert_whole(&app).await;
}

/// Everything that was there is still there.
async fn assert_whole(app: &TestApp) {
    let seats = i64::try_from(app.seats.len()).unwrap();
    assert_eq!(app.availability().await.total, seats, "something of the SQL was carried out");
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
        let path = format!("/api/v1/tickets/{word}/check-in");
        let got = app.call(Method::POST, &path).role(user, Role::Organizer).send().await;
        assert_eq!(got.refusal(), (404, "not_found".to_owned()));
    }
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
