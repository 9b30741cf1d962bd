//! The end of an event's sale: nothing is held after it, and what was held before may still be paid for.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use super::app::{Setup, TestApp, key};
use super::commands::run;
use crate::booking::strategies::STRATEGIES;
use crate::clock;
use crate::domain::Role;
use crate::wire;

const BEGINS: &str = "update events set starts_at = now() - interval '1 second'";

fn ended() -> (u16, String) {
    (409, "sales_ended".to_owned())
}

#[tokio::test]
async fn nothing_of_an_event_that_has_begun_is_held_or_bought() {
    for strategy in STRATEGIES {
        let setup = Setup { strategy: strategy.name, redis_nodes: 3, ..Setup::default() };
        let app = TestApp::start(setup).await;
        let standing = app.general_event(Uuid::new_v4(), 1, None).await.id;
        app.sql(BEGINS).await;
        for order in [
            json!({"event_id": app.event, "seat_ids": app.seats[..2]}),
            json!({"event_id": standing, "quantity": 1}),
            json!({"event_id": standing, "quantity": 2}),
        ] {
            let (user, key) = (Uuid::new_v4(), key());
            let held = app.call(Method::POST, "/api/v1/reservations").user(user).keyed();
            assert_eq!(held.json(&order).send().await.refusal(), ended(), "{order}");
            assert_eq!(app.buy(user, &key, &order).await.refusal(), ended(), "{order}");
            // It is the answer to this request for good.
            let again = app.buy(user, &key, &order).await;
            assert_eq!((again.refusal(), again.replayed), (ended(), true), "{order}");
        }
        let audit = app.audit().await;
        assert_eq!((audit.reservations.len(), audit.bookings.len()), (0, 0), "{}", strategy.name);
        assert_eq!(app.availability().await.held, 0, "{}", strategy.name);
        assert_eq!(app.stack.payments().ledger(), []);
    }
}

#[tokio::test]
async fn what_was_held_before_the_end_is_paid_for_after_it_and_not_extended() {
    let app = TestApp::start(Setup::default()).await;
    let (user, first) = (Uuid::new_v4(), key());
    let held: wire::Reservation = app.hold(user, &first, &app.seats[..1], 60).await.data();
    app.sql(BEGINS).await;
    assert!(app.hold(user, &first, &app.seats[..1], 60).await.replayed);
    let path = format!("/api/v1/reservations/{}/extend", held.id);
    let longer = app.call(Method::POST, &path).user(user).send().await;
    assert_eq!(longer.refusal(), ended());
    let paid = app.confirm(user, &key(), held.id).await;
    assert_eq!(paid.status, StatusCode::CREATED, "{}", paid.body);
    app.clean_audit().await;
}

#[tokio::test]
async fn the_sale_ends_at_the_start_unless_the_event_says_otherwise() {
    let app = TestApp::start(Setup::default()).await;
    let organizer = Uuid::new_v4();
    let event = app.general_event(organizer, 5, None).await;
    assert_eq!(event.sales_end_at, event.starts_at);
    let change = async |version: i64, body: Value| {
        let path = format!("/api/v1/events/{}", event.id);
        let call = app.call(Method::PATCH, &path).role(organizer, Role::Organizer);
        call.if_match(version).json(&body).send().await
    };
    let buy = async || {
        app.buy(Uuid::new_v4(), &key(), &json!({"event_id": event.id, "quantity": 1})).await
    };
    // Until it says otherwise, the end moves with the start.
    let moved = json!({"starts_at": "2001-01-01T20:00:00Z"});
    let now: wire::Event = change(event.version, moved).await.data();
    assert_eq!(now.sales_end_at, now.starts_at);
    assert_eq!(buy().await.refusal(), ended());
    let door = json!({"sales_end_at": "2999-01-01T20:00:00Z"});
    let now: wire::Event = change(now.version, door).await.data();
    assert_ne!(now.sales_end_at, now.starts_at);
    assert_eq!(buy().await.status, StatusCode::CREATED);
    let presale =
        json!({"starts_at": "2999-01-01T20:00:00Z", "sales_end_at": "2002-01-01T20:00:00Z"});
    let now: wire::Event = change(now.version, presale).await.data();
    assert_eq!(buy().await.refusal(), ended());
    let listed: Vec<wire::Event> =
        app.get("/api/v1/events?from=2999-01-01T00:00:00Z", None).await.data();
    assert_eq!(listed[0].sales_end_at, now.sales_end_at);
    let read: wire::Event = app.get(&format!("/api/v1/events/{}", event.id), None).await.data();
    assert_eq!(read, now);
    let odd = change(now.version, json!({"sales_end_at": "9999-12-31T23:59:59-23:59"})).await;
    assert_eq!(odd.refusal(), (422, "sales_end_at".to_owned()));
    let body = json!({"title": "T", "venue": "V", "starts_at": "2999-01-01T20:00:00Z",
                      "sales_end_at": "2998-12-01T00:00:00Z"});
    let draft = app.call(Method::POST, "/api/v1/events").role(organizer, Role::Organizer);
    let draft: wire::Event = draft.json(&body).send().await.data();
    assert_eq!(draft.sales_end_at.year(), 2998);
}

/// Orders one after another, in one step or by a hold, until the sale has ended; each is sent twice. How many were granted.
async fn order_until_the_end(app: &TestApp, event: Uuid, path: &str) -> usize {
    let (mut granted, mut refused) = (0, 0);
    let order = json!({"event_id": event, "quantity": 1});
    let began = clock::monotonic();
    while refused < 3 {
        assert!(began.elapsed() < Duration::from_secs(20), "the sale does not end");
        let (user, key) = (Uuid::new_v4(), key());
        let send = || {
            let call = app.call(Method::POST, path).user(user);
            call.header(wire::IDEMPOTENCY_KEY, &key).json(&order).send()
        };
        let got = send().await;
        if got.status == StatusCode::CREATED {
            granted += 1;
        } else {
            assert_eq!(got.refusal(), ended());
            refused += 1;
        }
        assert_eq!(send().await.body, got.body, "it was decided twice");
    }
    granted
}

#[tokio::test]
async fn an_order_at_the_very_end_is_decided_once_and_by_the_databases_clock() {
    let app = TestApp::start(Setup::default()).await;
    let event = app.general_event(Uuid::new_v4(), 5000, None).await.id;
    app.sql("update events set sales_end_at = now() + interval '1500 milliseconds'").await;
    let paths = ["/api/v1/bookings", "/api/v1/reservations"].repeat(8);
    let granted = join_all(paths.iter().map(|path| order_until_the_end(&app, event, path))).await;
    let granted: usize = granted.iter().sum();
    assert!(granted >= paths.len(), "only {granted} were in time");
    let mut connection = app.context.storage.connection().await.unwrap();
    let (all, late): (i64, i64) = sqlx::query_as(
        "select count(*), count(*) filter (where reservations.created_at >= sales_end_at)
         from reservations join events on events.id = event_id",
    )
    .fetch_one(&mut *connection)
    .await
    .unwrap();
    assert_eq!((usize::try_from(all), late), (Ok(granted), 0));
    app.clean_audit().await;
}

#[tokio::test]
async fn a_fixture_says_when_the_sale_ends() {
    let app = TestApp::start(Setup::default()).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("map.csv"), "section,row,number,price\nA,1,1,10\n").unwrap();
    let file = folder.path().join("events.toml");
    let seed = async |end: &str| {
        let fixture = format!(
            "schema_version = 1\n[[events]]\nslug = \"gala\"\ntitle = \"Gala\"\nvenue = \"Hall\"\n\
             starts_at = \"2998-01-01T20:00:00Z\"\n{end}\nseat_map = \"map.csv\"\n"
        );
        std::fs::write(&file, fixture).unwrap();
        run(&app, &["seed", file.to_str().unwrap()]).await
    };
    for (end, year) in [
        ("", 2998),
        ("sales_end_at = \"2003-01-01T20:00:00Z\"", 2003),
        ("sales_end_at = \"2997-01-01T20:00:00Z\"", 2997),
        ("", 2998),
    ] {
        let (code, _, said) = seed(end).await;
        assert_eq!(code, Some(0), "{said}");
        let found: Vec<wire::Event> = app.get("/api/v1/events?q=gala", None).await.data();
        assert_eq!(found[0].sales_end_at.year(), year);
    }
    let (code, _, said) = seed("sales_end_at = \"soon\"").await;
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("sales_end_at \"soon\" is not RFC 3339"), "{said}");
}
