//! Tickets and their check-in.

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::json;
use uuid::Uuid;

use super::app::{Got, Setup, TestApp, key};
use crate::domain::Role;
use crate::wire;

async fn check_in(app: &TestApp, organizer: Uuid, number: &str) -> Got {
    app.call(Method::POST, &format!("/api/v1/tickets/{number}/check-in"))
        .role(organizer, Role::Organizer)
        .send()
        .await
}

async fn sold(app: &TestApp, organizer: Uuid, quantity: u32) -> (Uuid, wire::Booking) {
    let event = app.general_event(organizer, 10, None).await;
    let user = Uuid::new_v4();
    let order = json!({"event_id": event.id, "quantity": quantity});
    (user, app.buy(user, &key(), &order).await.data())
}

#[tokio::test]
async fn a_ticket_lets_one_bearer_in_however_many_doors_there_are() {
    let app = TestApp::start(Setup::default()).await;
    let organizer = Uuid::new_v4();
    let (user, booking) = sold(&app, organizer, 2).await;
    let number = &booking.tickets[0].number;
    let answers = join_all((0..10).map(|_| check_in(&app, organizer, number))).await;
    let let_in: Vec<_> = answers.iter().filter(|got| got.status == StatusCode::OK).collect();
    assert_eq!(let_in.len(), 1, "{answers:?}");
    assert_eq!(let_in[0].data::<wire::CheckIn>().seat_id, booking.tickets[0].seat_id);
    for got in answers.iter().filter(|got| got.status != StatusCode::OK) {
        assert_eq!(got.refusal(), (409, "ticket_used".to_owned()));
    }
    let stranger = check_in(&app, Uuid::new_v4(), &booking.tickets[1].number).await;
    assert_eq!(stranger.refusal(), (403, "not_owner".to_owned()));
    let unknown = check_in(&app, organizer, "0000000000000000000000000").await;
    assert_eq!(unknown.refusal(), (404, "not_found".to_owned()));
    // A booking with a used ticket is not cancelled.
    let path = format!("/api/v1/bookings/{}/cancel", booking.id);
    let back = app.call(Method::PATCH, &path).user(user).send().await;
    assert_eq!(back.refusal(), (409, "ticket_used".to_owned()));
    app.clean_audit().await;
}

#[tokio::test]
async fn a_ticket_given_back_opens_no_door() {
    let app = TestApp::start(Setup::default()).await;
    let organizer = Uuid::new_v4();
    for _ in 0..5 {
        let (user, booking) = sold(&app, organizer, 1).await;
        let number = &booking.tickets[0].number;
        let path = format!("/api/v1/bookings/{}/cancel", booking.id);
        let (back, let_in) = tokio::join!(
            app.call(Method::PATCH, &path).user(user).send(),
            check_in(&app, organizer, number)
        );
        let ends = (back.status, let_in.status);
        let one_of =
            [(StatusCode::OK, StatusCode::CONFLICT), (StatusCode::CONFLICT, StatusCode::OK)];
        assert!(one_of.contains(&ends), "{ends:?}: {} {}", back.body, let_in.body);
        if back.status == StatusCode::OK {
            assert_eq!(let_in.reason(), "ticket_cancelled");
            let qr = app.get(&format!("/api/v1/tickets/{number}/qr"), Some(user)).await;
            assert_eq!(qr.refusal(), (409, "ticket_cancelled".to_owned()));
        }
    }
    app.clean_audit().await;
}

#[tokio::test]
async fn a_ticket_of_an_event_called_off_opens_no_door() {
    let app = TestApp::start(Setup::default()).await;
    let organizer = Uuid::new_v4();
    let event = app.general_event(organizer, 5, None).await;
    let order = json!({"event_id": event.id, "quantity": 1});
    let booking: wire::Booking = app.buy(Uuid::new_v4(), &key(), &order).await.data();
    app.set_status(organizer, &event, "cancelled").await;
    let refused = check_in(&app, organizer, &booking.tickets[0].number).await;
    assert_eq!(refused.refusal(), (409, "ticket_cancelled".to_owned()));
}

#[tokio::test]
async fn a_tickets_qr_code_is_drawn_for_its_buyer() {
    let app = TestApp::start(Setup::default()).await;
    let (user, booking) = sold(&app, Uuid::new_v4(), 1).await;
    let path = format!("/api/v1/tickets/{}/qr", booking.tickets[0].number);
    let drawn = app.get(&path, Some(user)).await;
    assert_eq!(drawn.headers["content-type"], "image/svg+xml");
    assert!(drawn.body.contains("<svg") && drawn.body.contains("<path"), "{}", drawn.body);
    let other: wire::Booking = app
        .buy(user, &key(), &json!({"event_id": app.event, "seat_ids": [app.seats[0]]}))
        .await
        .data();
    let path = format!("/api/v1/tickets/{}/qr", other.tickets[0].number);
    assert_ne!(app.get(&path, Some(user)).await.body, drawn.body, "every ticket looks the same");
}
