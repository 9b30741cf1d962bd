//! Buying in one step, general admission, limits, extension, lists and cancelling.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use super::app::{Got, PRICE_CENTS, Setup, TestApp, key};
use crate::domain::Role;
use crate::stack::payments::PaymentBehaviour;
use crate::wire::{self, ChargeState};

async fn cancel(app: &TestApp, user: Uuid, booking: Uuid) -> Got {
    app.call(Method::PATCH, &format!("/api/v1/bookings/{booking}/cancel")).user(user).send().await
}

fn charges(app: &TestApp, state: ChargeState) -> usize {
    app.stack.payments().ledger().iter().filter(|charge| charge.state == state).count()
}

#[tokio::test]
async fn one_step_buys_named_seats_once_however_often_it_is_sent() {
    let app = TestApp::start(Setup::default()).await;
    let (user, key) = (Uuid::new_v4(), key());
    let order = json!({"event_id": app.event, "seat_ids": [app.seats[2], app.seats[0]]});
    let first = app.buy(user, &key, &order).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.body);
    let booking: wire::Booking = first.data();
    assert_eq!((booking.tickets.len(), booking.total_cents), (2, 2 * PRICE_CENTS));
    for _ in 0..3 {
        let again = app.buy(user, &key, &order).await;
        assert!(again.replayed);
        assert_eq!((again.status, &again.body), (first.status, &first.body));
    }
    let other = json!({"event_id": app.event, "seat_ids": [app.seats[5]]});
    assert_eq!(app.buy(user, &key, &other).await.refusal(), (422, "idempotency_key".to_owned()));
    let taken = app.buy(Uuid::new_v4(), &super::app::key(), &order).await;
    assert_eq!(taken.refusal(), (409, "seat_unavailable".to_owned()));
    assert_eq!(charges(&app, ChargeState::Captured), 1);
    app.clean_audit().await;
}

#[tokio::test]
async fn the_same_purchase_at_once_from_many_threads_has_one_effect() {
    let app = TestApp::start(Setup::default()).await;
    let organizer = Uuid::new_v4();
    let event = app.general_event(organizer, 50, None).await;
    let (user, key) = (Uuid::new_v4(), key());
    let order = json!({"event_id": event.id, "quantity": 3});
    let answers = join_all((0..20).map(|_| app.buy(user, &key, &order))).await;
    let bodies: BTreeSet<&str> = answers
        .iter()
        .filter(|got| got.status == StatusCode::CREATED)
        .map(|got| got.body.as_str())
        .collect();
    assert_eq!(bodies.len(), 1, "{answers:?}");
    for got in &answers {
        // The others were told to ask again.
        let running = got.status == StatusCode::CONFLICT && got.retry_after.is_some();
        assert!(got.status == StatusCode::CREATED || running, "{} {}", got.status, got.body);
    }
    let audit = app.clean_audit().await;
    assert_eq!((audit.bookings.len(), audit.reservations.len()), (1, 1));
    assert_eq!(charges(&app, ChargeState::Captured), 1);
}

#[tokio::test]
async fn a_declined_card_leaves_nothing_held_and_the_same_answer_for_ever() {
    let app = TestApp::start(Setup::default()).await;
    app.stack
        .payments()
        .set_behaviour(PaymentBehaviour { decline_percent: 100.0, ..PaymentBehaviour::default() })
        .unwrap();
    let (user, key) = (Uuid::new_v4(), key());
    let order = json!({"event_id": app.event, "seat_ids": [app.seats[0]]});
    let declined = app.buy(user, &key, &order).await;
    assert_eq!(declined.refusal(), (402, "payment_declined".to_owned()));
    assert_eq!(app.availability().await.held, 0, "the hold stayed");
    let again = app.buy(user, &key, &order).await;
    assert!(again.replayed && again.body == declined.body);
    app.stack.payments().set_behaviour(PaymentBehaviour::default()).unwrap();
    assert_eq!(app.buy(user, &super::app::key(), &order).await.status, StatusCode::CREATED);
    app.clean_audit().await;
}

#[tokio::test]
async fn the_last_general_admission_ticket_is_sold_exactly_once() {
    for strategy in ["row_lock", "optimistic", "redlock"] {
        let app = TestApp::start(Setup { strategy, ..Setup::default() }).await;
        let event = app.general_event(Uuid::new_v4(), 7, None).await;
        let order = json!({"event_id": event.id, "quantity": 2});
        let buyers: Vec<(Uuid, String)> = (0..20).map(|_| (Uuid::new_v4(), key())).collect();
        let answers =
            join_all(buyers.iter().map(|buyer| buy_when_there_is_room(&app, buyer, &order))).await;
        let sold = answers.iter().filter(|got| got.status == StatusCode::CREATED).count();
        assert_eq!(sold, 3, "{strategy}: of 7 tickets three pairs can be sold");
        for got in answers.iter().filter(|got| got.status != StatusCode::CREATED) {
            assert_eq!(got.refusal(), (409, "sold_out".to_owned()), "{strategy}");
        }
        let last = json!({"event_id": event.id, "quantity": 1});
        assert_eq!(app.buy(Uuid::new_v4(), &key(), &last).await.status, StatusCode::CREATED);
        assert_eq!(app.buy(Uuid::new_v4(), &key(), &last).await.reason(), "sold_out");
        app.clean_audit().await;
    }
}

#[tokio::test]
async fn no_user_gets_more_tickets_than_the_event_allows_whatever_is_sent_at_once() {
    let app = TestApp::start(Setup::default()).await;
    let event = app.general_event(Uuid::new_v4(), 100, Some(4)).await;
    let user = Uuid::new_v4();
    let order = json!({"event_id": event.id, "quantity": 1});
    let try_hold = |key: String| {
        app.call(Method::POST, "/api/v1/reservations")
            .user(user)
            .header(wire::IDEMPOTENCY_KEY, &key)
            .json(&order)
            .send()
    };
    let (holds, sales) = tokio::join!(
        join_all((0..10).map(|_| try_hold(key()))),
        join_all((0..10).map(|_| async { app.buy(user, &key(), &order).await }))
    );
    let granted = holds.iter().chain(&sales).filter(|got| got.status == StatusCode::CREATED);
    assert_eq!(granted.count(), 4);
    for got in holds.iter().chain(&sales).filter(|got| got.status != StatusCode::CREATED) {
        assert_eq!(got.refusal(), (409, "ticket_limit".to_owned()));
    }
    // Another user has a limit of their own, and what is cancelled can be had again.
    let other: wire::Booking =
        app.buy(Uuid::new_v4(), &key(), &json!({"event_id": event.id, "quantity": 4})).await.data();
    assert_eq!(other.tickets.len(), 4);
    let five = app.buy(Uuid::new_v4(), &key(), &json!({"event_id": event.id, "quantity": 5})).await;
    assert_eq!(five.reason(), "ticket_limit");
    for got in holds.iter().filter(|got| got.status == StatusCode::CREATED) {
        let id = got.data::<wire::Reservation>().id;
        assert_eq!(app.cancel(user, id).await.status, StatusCode::OK);
    }
    for got in sales.iter().filter(|got| got.status == StatusCode::CREATED) {
        let id = got.data::<wire::Booking>().id;
        assert_eq!(cancel(&app, user, id).await.status, StatusCode::OK);
    }
    let four = app.buy(user, &key(), &json!({"event_id": event.id, "quantity": 4})).await;
    assert_eq!(four.status, StatusCode::CREATED, "{}", four.body);
    app.clean_audit().await;
}

#[tokio::test]
async fn an_order_names_seats_or_a_quantity_and_the_event_decides_which() {
    let app = TestApp::start(Setup::default()).await;
    let user = Uuid::new_v4();
    let refusal = async |order: Value| app.buy(user, &key(), &order).await.refusal();
    let quantity = |n: u32| json!({"event_id": app.event, "quantity": n});
    assert_eq!(refusal(quantity(1)).await, (422, "quantity".to_owned()));
    assert_eq!(refusal(quantity(0)).await, (422, "quantity".to_owned()));
    assert_eq!(refusal(quantity(51)).await, (422, "quantity".to_owned()));
    assert_eq!(refusal(json!({"event_id": app.event})).await, (422, "seat_ids".to_owned()));
    let both = json!({"event_id": app.event, "quantity": 1, "seat_ids": [app.seats[0]]});
    assert_eq!(refusal(both).await, (422, "quantity".to_owned()));
    let nowhere = json!({"event_id": Uuid::new_v4(), "quantity": 1});
    assert_eq!(refusal(nowhere).await, (404, "not_found".to_owned()));
}

#[tokio::test]
async fn a_booking_given_back_frees_its_seats_and_its_money_once() {
    let app = TestApp::start(Setup::default()).await;
    let user = Uuid::new_v4();
    let order = json!({"event_id": app.event, "seat_ids": [app.seats[0]]});
    let booking: wire::Booking = app.buy(user, &key(), &order).await.data();
    let answers = join_all((0..8).map(|_| cancel(&app, user, booking.id))).await;
    for got in &answers {
        assert_eq!(got.status, StatusCode::OK, "{}", got.body);
        assert_eq!(got.data::<wire::Booking>().state, "cancelled");
    }
    assert_eq!((charges(&app, ChargeState::Refunded), app.stack.payments().ledger().len()), (1, 1));
    let again: wire::Booking = app.buy(Uuid::new_v4(), &key(), &order).await.data();
    assert_ne!(again.tickets[0].number, booking.tickets[0].number);
    app.clean_audit().await;
}

#[tokio::test]
async fn a_refund_whose_answer_is_lost_is_finished_by_recovery() {
    let setup = Setup { payment_timeout: Duration::from_millis(300), ..Setup::default() };
    let app = TestApp::start(setup).await;
    let user = Uuid::new_v4();
    let order = json!({"event_id": app.event, "seat_ids": [app.seats[0]]});
    let booking: wire::Booking = app.buy(user, &key(), &order).await.data();
    let slow = PaymentBehaviour { latency_ms: 5000, ..PaymentBehaviour::default() };
    app.stack.payments().set_behaviour(slow).unwrap();
    let cancelled = cancel(&app, user, booking.id).await;
    assert_eq!(cancelled.status, StatusCode::OK, "{}", cancelled.body);
    assert_eq!(charges(&app, ChargeState::Captured), 1, "the provider was too slow to refund");
    app.stack.payments().set_behaviour(PaymentBehaviour::default()).unwrap();
    let deadline = crate::clock::monotonic() + Duration::from_secs(10);
    while charges(&app, ChargeState::Refunded) == 0 {
        assert!(crate::clock::monotonic() < deadline, "the refund was never finished");
        app.run_job("recover-payments").await;
    }
    let audit = app.clean_audit().await;
    assert_eq!(audit.payments[0].state.name(), "refunded");
}

#[tokio::test]
async fn of_an_event_that_is_over_nothing_is_sold_and_nothing_given_back() {
    let app = TestApp::start(Setup::default()).await;
    let (organizer, user) = (Uuid::new_v4(), Uuid::new_v4());
    let event = app.general_event(organizer, 5, None).await;
    let order = json!({"event_id": event.id, "quantity": 1});
    let booking: wire::Booking = app.buy(user, &key(), &order).await.data();
    let asking = app.call(Method::POST, "/api/v1/reservations").user(user).keyed().json(&order);
    let held: wire::Reservation = asking.send().await.data();
    let over = app.set_status(organizer, &event, "completed").await;
    assert_eq!(over.status, StatusCode::OK, "{}", over.body);
    let extend = format!("/api/v1/reservations/{}/extend", held.id);
    for refused in [
        app.call(Method::POST, &extend).user(user).send().await,
        app.confirm(user, &key(), held.id).await,
        app.buy(user, &key(), &order).await,
    ] {
        assert_eq!(refused.refusal(), (409, "not_on_sale".to_owned()), "{}", refused.body);
    }
    let back = cancel(&app, user, booking.id).await;
    assert_eq!(back.refusal(), (409, "event_over".to_owned()));
    assert_eq!(charges(&app, ChargeState::Captured), 1);
    app.clean_audit().await;
}

#[tokio::test]
async fn a_charge_that_lands_after_the_event_is_over_is_given_back() {
    let setup = Setup { payment_timeout: Duration::from_millis(300), ..Setup::default() };
    let app = TestApp::start(setup).await;
    let (organizer, user, key) = (Uuid::new_v4(), Uuid::new_v4(), key());
    let event = app.general_event(organizer, 5, None).await;
    let slow = PaymentBehaviour { latency_ms: 5000, ..PaymentBehaviour::default() };
    app.stack.payments().set_behaviour(slow).unwrap();
    let order = json!({"event_id": event.id, "quantity": 1});
    let unknown = app.buy(user, &key, &order).await;
    assert_eq!(unknown.status, StatusCode::SERVICE_UNAVAILABLE, "{}", unknown.body);
    app.stack.payments().set_behaviour(PaymentBehaviour::default()).unwrap();
    let over = app.set_status(organizer, &event, "completed").await;
    assert_eq!(over.status, StatusCode::OK, "{}", over.body);
    app.sql("update payments set worked_at = now() - interval '1 minute'").await;
    let recovered = app.run_job("recover-payments").await;
    assert_eq!(recovered, [1, 0]);
    assert_eq!(app.buy(user, &key, &order).await.refusal().0, 410);
    assert_eq!(charges(&app, ChargeState::Captured), 0);
    assert_eq!(app.clean_audit().await.bookings.len(), 0);
}

#[tokio::test]
async fn a_hold_is_extended_once_while_it_lives() {
    let app = TestApp::start(Setup::default()).await;
    let user = Uuid::new_v4();
    // Not as long as the server's own holds last.
    let held: wire::Reservation = app.hold(user, &key(), &[app.seats[0]], 25).await.data();
    let extend = |user: Uuid| {
        app.call(Method::POST, &format!("/api/v1/reservations/{}/extend", held.id))
            .user(user)
            .send()
    };
    assert_eq!(extend(Uuid::new_v4()).await.refusal(), (403, "not_owner".to_owned()));
    let answers = join_all((0..5).map(|_| extend(user))).await;
    let extended: Vec<_> = answers.iter().filter(|got| got.status == StatusCode::OK).collect();
    assert_eq!(extended.len(), 1, "{answers:?}");
    let longer: wire::Reservation = extended[0].data();
    assert_eq!(longer.expires_at - held.expires_at, Duration::from_secs(25));
    assert_eq!(extend(user).await.refusal(), (409, "already_extended".to_owned()));
    // The seat is held as long as its reservation.
    app.sql("update reservations set expires_at = now()").await;
    app.sql("update seats set held_until = now() where held_until is not null").await;
    let ended = app.held(Uuid::new_v4(), &[app.seats[0]]).await;
    assert_eq!(ended.seat_ids, [app.seats[0]]);
    assert_eq!(extend(user).await.refusal(), (410, "reservation_ended".to_owned()));
}

#[tokio::test]
async fn lists_show_a_user_what_is_theirs_newest_first_page_by_page() {
    let app = TestApp::start(Setup::default()).await;
    let (user, other) = (Uuid::new_v4(), Uuid::new_v4());
    let mut bought = Vec::new();
    for seat in &app.seats[..5] {
        let order = json!({"event_id": app.event, "seat_ids": [seat]});
        bought.push(app.buy(user, &key(), &order).await.data::<wire::Booking>().id);
    }
    app.buy(other, &key(), &json!({"event_id": app.event, "seat_ids": [app.seats[9]]})).await;
    bought.reverse();
    for path in ["/api/v1/bookings".to_owned(), format!("/api/v1/bookings/user/{user}")] {
        assert_eq!(all_pages(&app, user, &path).await, bought, "{path}");
    }
    let path = format!("/api/v1/reservations/user/{user}");
    let reservations: Vec<wire::Reservation> = app.get(&path, Some(user)).await.data();
    assert_eq!(reservations.len(), 5);
    assert!(reservations.iter().all(|held| held.user_id == user && held.state == "confirmed"));
    assert_eq!(app.get(&path, Some(other)).await.refusal(), (403, "not_owner".to_owned()));
    let admin = app.call(Method::GET, &path).role(other, Role::Admin).send().await;
    assert_eq!(admin.status, StatusCode::OK);
}

#[tokio::test]
async fn a_booking_being_paid_for_is_pending_under_the_id_it_will_keep() {
    let setup = Setup { payment_timeout: Duration::from_millis(300), ..Setup::default() };
    let app = TestApp::start(setup).await;
    let user = Uuid::new_v4();
    let slow = PaymentBehaviour { latency_ms: 5000, ..PaymentBehaviour::default() };
    app.stack.payments().set_behaviour(slow).unwrap();
    for seat in &app.seats[..2] {
        let order = json!({"event_id": app.event, "seat_ids": [seat]});
        let unknown = app.buy(user, &key(), &order).await;
        assert_eq!(unknown.status, StatusCode::SERVICE_UNAVAILABLE, "{}", unknown.body);
    }
    let list =
        async || -> Vec<wire::Booking> { app.get("/api/v1/bookings", Some(user)).await.data() };
    let pending = list().await;
    assert_eq!(pending.len(), 2);
    for booking in &pending {
        assert_eq!((booking.state.as_str(), booking.tickets.len()), ("pending", 0));
        let path = format!("/api/v1/bookings/{}", booking.id);
        assert_eq!(&app.get(&path, Some(user)).await.data::<wire::Booking>(), booking);
        assert_eq!(app.get(&path, Some(Uuid::new_v4())).await.status, StatusCode::FORBIDDEN);
        let cancelled = cancel(&app, user, booking.id).await;
        assert_eq!(cancelled.refusal(), (409, "booking_ended".to_owned()));
    }
    // One hold ends before anything is charged; the other is charged after all.
    app.sql("update reservations set expires_at = now() where id = (select min(id::text)::uuid from reservations)").await;
    app.run_job("expire-holds").await;
    app.stack.payments().set_behaviour(PaymentBehaviour::default()).unwrap();
    let deadline = crate::clock::monotonic() + Duration::from_secs(10);
    while list().await.iter().any(|booking| booking.state == "pending") {
        assert!(crate::clock::monotonic() < deadline, "{:?}", list().await);
        app.run_job("recover-payments").await;
    }
    let ended = list().await;
    let ids = |bookings: &[wire::Booking]| {
        bookings.iter().map(|booking| (booking.id, booking.reference.clone())).collect::<Vec<_>>()
    };
    assert_eq!(ids(&ended), ids(&pending), "an id or its place changed");
    let mut states: Vec<&str> = ended.iter().map(|booking| booking.state.as_str()).collect();
    states.sort_unstable();
    assert_eq!(states, ["confirmed", "expired"]);
    app.clean_audit().await;
}

/// The ids of all bookings of a list, two a page.
async fn all_pages(app: &TestApp, user: Uuid, path: &str) -> Vec<Uuid> {
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let got = app.get(&format!("{path}?limit=2{cursor}"), Some(user)).await;
        seen.extend(got.data::<Vec<wire::Booking>>().into_iter().map(|booking| booking.id));
        let Some(next) = got.next_cursor() else { return seen };
        cursor = format!("&cursor={next}");
    }
}

/// Buys, and asks again as told while too many others are asking.
async fn buy_when_there_is_room(app: &TestApp, buyer: &(Uuid, String), order: &Value) -> Got {
    loop {
        let got = app.buy(buyer.0, &buyer.1, order).await;
        if got.status != StatusCode::CONFLICT || got.reason() != "seat_contended" {
            return got;
        }
    }
}
