//! How long and how much one user may hold: never longer than the server does, never more than its bounds, whatever is sent
//! at once.

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::json;
use uuid::Uuid;

use super::app::{Got, Setup, TestApp, key, value};
use crate::booking::strategies::STRATEGIES;
use crate::domain::Holds;
use crate::wire;

async fn hold(app: &TestApp, user: Uuid, event: Uuid, quantity: u32) -> Got {
    let order = json!({"event_id": event, "quantity": quantity});
    let call = app.call(Method::POST, "/api/v1/reservations").user(user).keyed();
    call.json(&order).send().await
}

/// Asks again while other buyers are in the way, which decides nothing.
async fn hold_when_there_is_room(app: &TestApp, user: Uuid, event: Uuid, quantity: u32) -> Got {
    loop {
        let got = hold(app, user, event, quantity).await;
        if got.status != StatusCode::CONFLICT || got.reason() != "seat_contended" {
            return got;
        }
    }
}

fn too_many() -> (u16, String) {
    (409, "hold_limit".to_owned())
}

/// Live holds of a user, and seats in them, as the database has them.
async fn held(app: &TestApp, user: Uuid) -> (i64, i64) {
    let mut connection = app.context.storage.connection().await.unwrap();
    sqlx::query_as(
        "select count(*), coalesce(sum(cardinality(seat_ids)), 0) from reservations
         where user_id = $1 and state = 'held' and expires_at > now()",
    )
    .bind(user)
    .fetch_one(&mut *connection)
    .await
    .unwrap()
}

#[tokio::test]
async fn a_request_may_shorten_a_hold_and_not_lengthen_it() {
    let app = TestApp::start(Setup::default()).await;
    let user = Uuid::new_v4();
    let longer = app.hold(user, &key(), &app.seats[..1], 61).await;
    assert_eq!(longer.refusal(), (422, "ttl_seconds".to_owned()));
    assert!(longer.body.contains("1 to 60 seconds, not 61"), "{}", longer.body);
    for ttl in [60, 1] {
        let seat = [app.seats[usize::try_from(ttl).unwrap() % 7]];
        let got = app.hold(user, &key(), &seat, ttl).await;
        assert_eq!(got.status, StatusCode::CREATED, "{}", got.body);
    }
    let described = value(&app.get("/api/openapi.json", None).await.body);
    let order = &described["components"]["schemas"]["CreateReservation"];
    assert_eq!(order["properties"]["ttl_seconds"]["maximum"], json!(60));
}

#[tokio::test]
async fn fifty_holds_at_once_never_pass_a_bound() {
    for strategy in STRATEGIES.iter().filter(|strategy| !strategy.is_unsafe) {
        let setup = Setup { strategy: strategy.name, redis_nodes: 3, ..Setup::default() };
        let app = TestApp::start(setup).await;
        let event = app.general_event(Uuid::new_v4(), 400, None).await.id;
        // Five holds of one seat come to five; of twelve, to four, which are 48.
        for (quantity, granted) in [(1, 5), (12, 4)] {
            let user = Uuid::new_v4();
            let holds = (0..50).map(|_| hold_when_there_is_room(&app, user, event, quantity));
            let answers = join_all(holds).await;
            let created = answers.iter().filter(|got| got.status == StatusCode::CREATED).count();
            assert_eq!(i64::try_from(created), Ok(granted), "{}", strategy.name);
            let mut refused = answers.iter().filter(|got| got.status != StatusCode::CREATED);
            assert!(refused.all(|got| got.refusal() == too_many()), "{answers:?}");
            let seats = granted * i64::from(quantity);
            assert_eq!(held(&app, user).await, (granted, seats), "{}", strategy.name);
        }
        app.clean_audit().await;
    }
}

#[tokio::test]
async fn what_is_given_up_paid_for_or_over_makes_room() {
    let holds_of_user = Holds { holds: 3, seats: 6 };
    let app = TestApp::start(Setup { holds_of_user, ..Setup::default() }).await;
    let user = Uuid::new_v4();
    let event = app.general_event(Uuid::new_v4(), 50, None).await.id;
    assert_eq!(hold(&app, user, event, 7).await.refusal(), too_many());
    let mut holds: Vec<wire::Reservation> = Vec::new();
    for _ in 0..3 {
        holds.push(hold(&app, user, event, 1).await.data());
    }
    let refused = hold(&app, user, event, 1).await;
    assert_eq!(refused.refusal(), too_many());
    assert!(refused.body.contains("6 seats of an event at a time, in 3 holds"), "{}", refused.body);
    let bought = app.buy(user, &key(), &json!({"event_id": event, "quantity": 1})).await;
    assert_eq!(bought.refusal(), too_many());
    // Another user, and another event, have bounds of their own.
    assert_eq!(hold(&app, Uuid::new_v4(), event, 6).await.status, StatusCode::CREATED);
    app.held(user, &app.seats[..6]).await;
    app.cancel(user, holds[0].id).await;
    assert_eq!(hold(&app, user, event, 5).await.refusal(), too_many());
    assert_eq!(hold(&app, user, event, 4).await.status, StatusCode::CREATED);
    assert_eq!(app.confirm(user, &key(), holds[1].id).await.status, StatusCode::CREATED);
    assert_eq!(hold(&app, user, event, 1).await.status, StatusCode::CREATED);
    assert_eq!(hold(&app, user, event, 1).await.refusal(), too_many());
    // Nobody has swept them yet.
    app.sql("update reservations set expires_at = now() where state = 'held'").await;
    app.sql("update seats set held_until = now() where booking_id is null").await;
    assert_eq!(hold(&app, user, event, 6).await.status, StatusCode::CREATED);
    assert_eq!(hold(&app, user, event, 1).await.refusal(), too_many());
    assert_eq!(held(&app, user).await, (1, 6));
    app.clean_audit().await;
}

#[tokio::test]
async fn one_account_does_not_hold_a_house() {
    let app = TestApp::start(Setup::default()).await;
    let user = Uuid::new_v4();
    let event = app.general_event(Uuid::new_v4(), 900, None).await.id;
    let mut granted = 0;
    for _ in 0..18 {
        granted += usize::from(hold(&app, user, event, 50).await.status == StatusCode::CREATED);
    }
    assert_eq!((granted, held(&app, user).await), (1, (1, 50)));
}
