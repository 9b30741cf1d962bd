//! One key, one effect.

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::json;
use uuid::Uuid;

use super::app::{Setup, TestApp, key};
use crate::wire;

#[tokio::test]
async fn thirty_copies_of_a_hold_make_one_reservation_and_get_one_answer() {
    let app = TestApp::start(Setup::default()).await;
    let (user, key) = (Uuid::new_v4(), key());
    let seats = [app.seats[0], app.seats[1]];
    let answers = join_all((0..30).map(|_| app.hold(user, &key, &seats, 60))).await;
    let bodies: Vec<&String> = answers.iter().map(|got| &got.body).collect();
    assert!(answers.iter().all(|got| got.status == StatusCode::CREATED), "{bodies:?}");
    assert!(bodies.iter().all(|body| *body == bodies[0]));
    assert_eq!(answers.iter().filter(|got| !got.replayed).count(), 1);
    assert_eq!(app.clean_audit().await.reservations.len(), 1);
}

#[tokio::test]
async fn thirty_copies_of_a_confirmation_charge_once_and_agree() {
    let app = TestApp::start(Setup::default()).await;
    let (user, key) = (Uuid::new_v4(), key());
    let held = app.held(user, &[app.seats[0]]).await;
    let answers = join_all((0..30).map(|_| app.confirm(user, &key, held.id))).await;
    for got in &answers {
        match got.status {
            StatusCode::CREATED => {}
            status => {
                assert_eq!(
                    (status, got.reason().as_str()),
                    (StatusCode::CONFLICT, "idempotency_key"),
                    "{}",
                    got.body
                );
                assert_eq!(got.retry_after.as_deref(), Some("1"));
            }
        }
    }
    let last = app.confirm(user, &key, held.id).await;
    assert!(last.replayed);
    assert!(
        answers
            .iter()
            .filter(|got| got.status == StatusCode::CREATED)
            .all(|got| got.body == last.body)
    );
    assert_eq!(app.stack.payments().ledger().len(), 1);
    assert_eq!(app.clean_audit().await.bookings.len(), 1);
}

#[tokio::test]
async fn a_key_with_another_body_is_refused_and_has_no_effect() {
    let app = TestApp::start(Setup::default()).await;
    let (user, key) = (Uuid::new_v4(), key());
    assert_eq!(app.hold(user, &key, &[app.seats[0]], 60).await.status, StatusCode::CREATED);
    for redis in ["there", "gone"] {
        if redis == "gone" {
            app.stack.kill("redis-1").await.unwrap();
        }
        let other = app.hold(user, &key, &[app.seats[1]], 60).await;
        let seen = (other.status, other.reason());
        assert_eq!(
            seen,
            (StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key".to_owned()),
            "redis {redis}"
        );
        let same = app.hold(user, &key, &[app.seats[0]], 60).await;
        assert_eq!((same.status, same.replayed), (StatusCode::CREATED, true), "redis {redis}");
    }
    assert_eq!(app.availability().await.held, 1);
}

#[tokio::test]
async fn a_refusal_is_its_keys_answer_also_when_the_reason_is_gone() {
    let app = TestApp::start(Setup::default()).await;
    let (other, user) = (Uuid::new_v4(), Uuid::new_v4());
    let taken = app.held(other, &[app.seats[0]]).await;
    let order = json!({"event_id": app.event, "seat_ids": [app.seats[0]]});
    let (hold, buy) = (key(), key());
    let refused =
        [app.hold(user, &hold, &[app.seats[0]], 60).await, app.buy(user, &buy, &order).await];
    for got in &refused {
        assert_eq!(got.refusal(), (409, "seat_unavailable".to_owned()));
        assert!(!got.replayed);
    }
    assert_eq!(app.cancel(other, taken.id).await.status, StatusCode::OK);
    for redis in ["there", "gone"] {
        if redis == "gone" {
            app.stack.kill("redis-1").await.unwrap();
        }
        let again =
            [app.hold(user, &hold, &[app.seats[0]], 60).await, app.buy(user, &buy, &order).await];
        for (first, again) in refused.iter().zip(&again) {
            assert!(again.replayed, "redis {redis}");
            assert_eq!((again.status, &again.body), (first.status, &first.body), "redis {redis}");
        }
        let elsewhere = json!({"event_id": app.event, "seat_ids": [app.seats[1]]});
        for reused in [
            app.hold(user, &hold, &[app.seats[1]], 60).await,
            app.buy(user, &buy, &elsewhere).await,
        ] {
            assert_eq!(reused.refusal(), (422, "idempotency_key".to_owned()), "redis {redis}");
        }
    }
    let path = format!("/api/v1/idempotency/{hold}");
    let known: wire::IdempotencyStatus = app.get(&path, Some(user)).await.data();
    assert_eq!((known.state.as_str(), known.status_code), ("FAILED", Some(409)));
    assert_eq!(app.hold(user, &key(), &[app.seats[0]], 60).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_confirmation_that_came_too_late_gets_the_same_answer_again() {
    let app = TestApp::start(Setup::default()).await;
    let (user, key) = (Uuid::new_v4(), key());
    let held = app.held(user, &[app.seats[0]]).await;
    app.cancel(user, held.id).await;
    let late = app.confirm(user, &key, held.id).await;
    assert_eq!(late.refusal(), (410, "reservation_ended".to_owned()));
    let again = app.confirm(user, &key, held.id).await;
    assert_eq!((again.status, &again.body, again.replayed), (late.status, &late.body, true));
    let other = app.held(user, &[app.seats[1]]).await;
    assert_eq!(
        app.confirm(user, &key, other.id).await.refusal(),
        (422, "idempotency_key".to_owned())
    );
}

#[tokio::test]
async fn a_key_that_was_forgotten_buys_anew() {
    let app = TestApp::start(Setup::default()).await;
    // Its copies of the answers are forgotten sooner or later than the records.
    app.stack.kill("redis-1").await.unwrap();
    let event = app.general_event(Uuid::new_v4(), 10, None).await;
    let (user, key) = (Uuid::new_v4(), key());
    let order = json!({"event_id": event.id, "quantity": 1});
    let mut bought = Vec::new();
    for order in [&order, &order, &json!({"event_id": event.id, "quantity": 2})] {
        let got = app.buy(user, &key, order).await;
        assert_eq!((got.status, got.replayed), (StatusCode::CREATED, false), "{}", got.body);
        bought.push(got.data::<wire::Booking>().reservation_id);
        app.sql("delete from idempotency_records").await;
    }
    bought.sort_unstable();
    bought.dedup();
    assert_eq!(bought.len(), 3);
    assert_eq!(app.clean_audit().await.bookings.len(), 3);
}

#[tokio::test]
async fn a_key_belongs_to_its_user_and_may_be_used_by_another() {
    let app = TestApp::start(Setup::default()).await;
    let (one, two) = (Uuid::new_v4(), Uuid::new_v4());
    assert_eq!(app.hold(one, "same", &[app.seats[0]], 60).await.status, StatusCode::CREATED);
    assert_eq!(app.hold(two, "same", &[app.seats[1]], 60).await.status, StatusCode::CREATED);
    let own: wire::IdempotencyStatus = app.get("/api/v1/idempotency/same", Some(one)).await.data();
    assert_eq!((own.state.as_str(), own.status_code), ("SUCCESS", Some(201)));
    let response = own.response.unwrap();
    assert_eq!(response["data"]["user_id"], json!(one));
}

#[tokio::test]
async fn a_route_that_sells_refuses_to_work_without_a_key() {
    let app = TestApp::start(Setup::default()).await;
    let user = Some(Uuid::new_v4());
    for (path, body) in [
        ("/api/v1/reservations", json!({"event_id": app.event, "seat_ids": [app.seats[0]]})),
        ("/api/v1/bookings", json!({"event_id": app.event, "seat_ids": [app.seats[0]]})),
        ("/api/v1/bookings/confirm", json!({"reservation_id": Uuid::new_v4()})),
    ] {
        for key in [None, Some("two words")] {
            let got = app.send((Method::POST, path), user, key, Some(body.to_string())).await;
            assert_eq!(
                (got.status, got.reason().as_str()),
                (StatusCode::BAD_REQUEST, "idempotency_key"),
                "{path}"
            );
        }
    }
    let two = app.call(Method::POST, "/api/v1/bookings").user(Uuid::new_v4()).keyed().keyed();
    let order = json!({"event_id": app.event, "seat_ids": [app.seats[0]]});
    let got = two.json(&order).send().await;
    assert_eq!(got.refusal(), (400, "idempotency_key".to_owned()), "two keys");
    assert_eq!(app.availability().await.held, 0);
}

#[tokio::test]
async fn old_answers_are_forgotten_and_a_request_left_in_progress_is_failed_unless_it_has_a_payment()
 {
    let app = TestApp::start(Setup::default()).await;
    let user = Uuid::new_v4();
    let held = app.held(user, &[app.seats[0]]).await;
    app.sql("update idempotency_records set expires_at = now() - interval '1 second'").await;
    app.sql(
        "insert into idempotency_records (user_id, key, request_sha256, state, expires_at)
         values (gen_random_uuid(), 'left', decode(repeat('00', 32), 'hex'), 'IN_PROGRESS', now() - interval '1 second')",
    )
    .await;
    app.sql(
        "with r as (select id, user_id from reservations),
              i as (insert into idempotency_records (user_id, key, request_sha256, state, expires_at)
                    select user_id, 'paying', decode(repeat('00', 32), 'hex'), 'IN_PROGRESS', now() - interval '1 second' from r)
         insert into payments (id, reservation_id, user_id, idempotency_key, amount_cents, payment_method)
         select gen_random_uuid(), id, user_id, 'paying', 1, 'card' from r",
    )
    .await;
    assert_eq!(app.due("cleanup-idempotency").await, [1, 1]);
    assert_eq!(app.run_job_in("cleanup-idempotency", 1).await, [1, 1]);
    let paying: wire::IdempotencyStatus =
        app.get("/api/v1/idempotency/paying", Some(held.user_id)).await.data();
    assert_eq!(paying.state, "IN_PROGRESS");
    assert_eq!(app.due("cleanup-idempotency").await, [0, 0]);
}
