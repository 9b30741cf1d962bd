//! When counts kept close are taken away, and when not: a change takes them away, whatever its answer; a refusal and a
//! replay leave them, or the losers of a rush would have everybody count the seats anew.

use reqwest::StatusCode;
use uuid::Uuid;

use super::app::{Setup, TestApp, key};
use crate::api::render;
use crate::booking::answer::Render;
use crate::domain::{EventId, Reservation, StoredResponse};

/// Has the count kept, as a visitor does.
async fn keep_count(app: &TestApp) {
    app.availability().await;
    assert!(is_kept(app).await, "the count is kept after it was asked for");
}

async fn is_kept(app: &TestApp) -> bool {
    app.context.availability.get(&[EventId(app.event)]).await[0].is_some()
}

#[tokio::test]
async fn losers_and_repeated_requests_leave_the_count() {
    let app = TestApp::start(Setup::default()).await;
    let (winner, first) = (Uuid::new_v4(), key());
    let seat = [app.seats[0]];
    keep_count(&app).await;
    assert_eq!(app.hold(winner, &first, &seat, 60).await.status, StatusCode::CREATED);
    assert!(!is_kept(&app).await, "a hold takes the count away");
    keep_count(&app).await;
    let (loser, second) = (Uuid::new_v4(), key());
    for _ in 0..2 {
        let lost = app.hold(loser, &second, &seat, 60).await;
        assert_eq!(lost.status, StatusCode::CONFLICT, "{}", lost.body);
        assert!(app.hold(winner, &first, &seat, 60).await.replayed);
        assert!(is_kept(&app).await, "neither a refusal nor a replay takes the count away");
    }
}

#[tokio::test]
async fn a_confirmation_takes_the_count_away_and_a_declined_payment_leaves_it() {
    let app = TestApp::start(Setup::default()).await;
    let user = Uuid::new_v4();
    let held = app.held(user, &[app.seats[0]]).await;
    keep_count(&app).await;
    let order = serde_json::json!({"reservation_id": held.id, "payment_method": "declined"});
    let declined = app
        .call(reqwest::Method::POST, "/api/v1/bookings/confirm")
        .user(user)
        .keyed()
        .json(&order)
        .send()
        .await;
    assert_eq!(declined.status, StatusCode::PAYMENT_REQUIRED, "{}", declined.body);
    assert!(is_kept(&app).await, "a declined payment sells nothing");
    assert_eq!(app.confirm(user, &key(), held.id).await.status, StatusCode::CREATED);
    assert!(!is_kept(&app).await, "a sale takes the count away");
}

/// The usual answer, made longer than the cache of answers takes.
fn long(reservation: &Reservation) -> StoredResponse {
    let StoredResponse { status, body } = (render::RENDER.reservation)(reservation);
    StoredResponse { status, body: body + &" ".repeat(70 * 1024) }
}

#[tokio::test]
async fn an_answer_too_long_to_be_kept_takes_the_count_away_all_the_same() {
    let render = Render { reservation: long, ..render::RENDER };
    let app = TestApp::start(Setup { render, ..Setup::default() }).await;
    keep_count(&app).await;
    app.held(Uuid::new_v4(), &[app.seats[0]]).await;
    assert!(!is_kept(&app).await);
}
