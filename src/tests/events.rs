//! Preparing and editing events.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use super::app::{Call, PRICE_CENTS, Setup, TestApp};
use crate::domain::Role;
use crate::wire::{self, EventStatus};

const MAP: &str = "section,row,number,price\nStalls,A,1,45\nStalls,A,2,45.50\n";

pub fn draft(title: &str, venue: &str, starts_at: &str) -> Value {
    json!({"title": title, "venue": venue, "starts_at": starts_at})
}

pub async fn created(app: &TestApp, organizer: Uuid, body: &Value) -> wire::Event {
    let got = app
        .call(Method::POST, "/api/v1/events")
        .role(organizer, Role::Organizer)
        .json(body)
        .send()
        .await;
    assert_eq!(got.status, StatusCode::CREATED, "{}", got.body);
    assert_eq!(got.headers["etag"], "\"1\"");
    got.data()
}

fn on_event(app: &TestApp, method: Method, event: &wire::Event, organizer: Uuid) -> Call {
    app.call(method, &format!("/api/v1/events/{}", event.id)).role(organizer, Role::Organizer)
}

fn upload(app: &TestApp, event: &wire::Event, organizer: Uuid, version: i64, map: &str) -> Call {
    app.call(Method::PUT, &format!("/api/v1/events/{}/seats", event.id))
        .role(organizer, Role::Organizer)
        .if_match(version)
        .body("text/csv", map.to_owned())
}

#[tokio::test]
async fn an_event_goes_from_draft_to_sale_to_its_end() {
    let app = TestApp::start(Setup::default()).await;
    let organizer = Uuid::new_v4();
    let event = created(&app, organizer, &draft("Hamlet", "Globe", "2030-05-01T19:00:00Z")).await;
    assert_eq!((event.status, event.version), (EventStatus::Draft, 1));
    // A draft is nobody else's business.
    let path = format!("/api/v1/events/{}", event.id);
    for suffix in ["", "/seats", "/availability"] {
        let path = format!("{path}{suffix}");
        assert_eq!(app.get(&path, None).await.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(app.get(&path, Some(Uuid::new_v4())).await.status, StatusCode::NOT_FOUND);
    }
    let own = on_event(&app, Method::GET, &event, organizer).send().await;
    assert_eq!(own.status, StatusCode::OK);
    // Without seats there is nothing to sell.
    let empty = app.set_status(organizer, &event, "published").await;
    assert_eq!(empty.refusal(), (409, "no_seats".to_owned()));
    let seated = upload(&app, &event, organizer, 1, MAP).send().await;
    assert_eq!(seated.data::<wire::SeatMap>().seats, 2);
    assert_eq!(seated.headers["etag"], "\"2\"");
    let event = wire::Event { version: 2, ..event };
    let published = app.set_status(organizer, &event, "published").await;
    let event: wire::Event = published.data();
    assert_eq!((event.status, event.version), (EventStatus::Published, 3));
    let seats: Vec<wire::Seat> = app.get(&format!("{path}/seats"), None).await.data();
    assert_eq!(seats.iter().map(|seat| seat.price_cents).collect::<Vec<_>>(), [4500, 4550]);
    // What is on sale keeps its seats, and is not deleted.
    let late = upload(&app, &event, organizer, 3, MAP).send().await;
    assert_eq!(late.refusal(), (409, "not_draft".to_owned()));
    let deleted = on_event(&app, Method::DELETE, &event, organizer).if_match(3).send().await;
    assert_eq!(deleted.refusal(), (409, "status".to_owned()));
    let back = app.set_status(organizer, &event, "draft").await;
    assert_eq!(back.refusal(), (409, "status".to_owned()));
    let over: wire::Event = app.set_status(organizer, &event, "completed").await.data();
    assert_eq!(over.status, EventStatus::Completed);
    let gone = on_event(&app, Method::DELETE, &over, organizer).if_match(over.version).send().await;
    assert_eq!(gone.status, StatusCode::OK, "{}", gone.body);
    assert_eq!(app.get(&path, None).await.status, StatusCode::NOT_FOUND);
    let held = app
        .call(Method::POST, "/api/v1/reservations")
        .user(Uuid::new_v4())
        .keyed()
        .json(&json!({"event_id": event.id, "seat_ids": [seats[0].id]}))
        .send()
        .await;
    assert_eq!(held.refusal(), (404, "not_found".to_owned()));
}

#[tokio::test]
async fn of_two_organizers_who_edit_at_once_one_is_told_to_read_again() {
    let app = TestApp::start(Setup::default()).await;
    let organizer = Uuid::new_v4();
    let event = created(&app, organizer, &draft("Hamlet", "Globe", "2030-05-01T19:00:00Z")).await;
    let edit = |title: &'static str| {
        on_event(&app, Method::PATCH, &event, organizer)
            .if_match(event.version)
            .json(&json!({"title": title}))
            .send()
    };
    let (one, two) = tokio::join!(edit("Macbeth"), edit("Othello"));
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412]);
    let (won, lost) = if one.status == StatusCode::OK { (one, two) } else { (two, one) };
    assert_eq!(lost.reason(), "if_match");
    let now: wire::Event = on_event(&app, Method::GET, &event, organizer).send().await.data();
    assert_eq!(now, won.data::<wire::Event>());
    assert_eq!(now.version, 2);
    let blind = on_event(&app, Method::PATCH, &event, organizer).json(&json!({})).send().await;
    assert_eq!(blind.status.as_u16(), 428);
    let stale = upload(&app, &event, organizer, 1, MAP).send().await;
    assert_eq!(stale.status.as_u16(), 412);
}

#[tokio::test]
async fn an_event_that_makes_no_sense_is_refused_with_the_field() {
    let app = TestApp::start(Setup::default()).await;
    let organizer = Uuid::new_v4();
    let good = draft("Hamlet", "Globe", "2030-05-01T19:00:00Z");
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    };
    for (body, field) in [
        (with("title", json!("  ")), "title"),
        (with("title", json!("x".repeat(201))), "title"),
        (with("venue", json!("a\u{1b}[0m")), "venue"),
        (with("description", json!("x".repeat(5001))), "description"),
        (with("starts_at", json!("tomorrow")), "starts_at"),
        (with("starts_at", json!("0000-01-01T00:00:00+23:59")), "starts_at"),
        (with("starts_at", json!("9999-12-31T23:59:59-23:59")), "starts_at"),
        (with("tickets_per_user_max", json!(0)), "tickets_per_user_max"),
        (
            with("general_admission", json!({"quantity": 0, "price_cents": 1})),
            "general_admission.quantity",
        ),
        (
            with("general_admission", json!({"quantity": 1, "price_cents": 0})),
            "general_admission.price_cents",
        ),
        (with("general_admission", json!({"quantity": 1})), "general_admission.price_cents"),
        (with("general_admission", json!([1, 1])), "general_admission"),
        (with("colour", json!("red")), "colour"),
    ] {
        let got = app
            .call(Method::POST, "/api/v1/events")
            .role(organizer, Role::Organizer)
            .json(&body)
            .send()
            .await;
        assert_eq!(got.refusal(), (422, field.to_owned()), "{body}");
    }
    let event = created(&app, organizer, &good).await;
    for (map, says) in [
        ("section,row,number,price\nA,1,1,free\n", "line 2"),
        ("section,row,number,price\nA,1,1,5\nA,1,1,5\n", "line 3"),
        ("section;row;number;price\nA;1;1;5\n", "line 1: the header is"),
        ("", "no seats"),
    ] {
        let got = upload(&app, &event, organizer, 1, map).send().await;
        assert_eq!(got.refusal(), (422, "seat_map".to_owned()), "{map:?}");
        assert!(got.body.contains(says), "{}", got.body);
    }
    let seats = on_event(&app, Method::GET, &event, organizer).send().await;
    assert_eq!(seats.data::<wire::Event>().version, 1, "a refused upload changed the event");
    let off = app.set_status(organizer, &event, "cancelled").await;
    assert_eq!(off.refusal(), (409, "status".to_owned()), "a draft was cancelled");
    // Words that mean nothing to a person and something to COPY.
    let odd = "section,row,number,price\n\\N,\\.,1,5\nNULL,\"\"\"\",1,5\n";
    let taken = upload(&app, &event, organizer, 1, odd).send().await;
    assert_eq!(taken.data::<wire::SeatMap>().seats, 2);
    let path = format!("/api/v1/events/{}/seats", event.id);
    let seats = app.call(Method::GET, &path).role(organizer, Role::Organizer).send().await;
    let seats: Vec<wire::Seat> = seats.data();
    let places: Vec<_> =
        seats.iter().map(|seat| (seat.section.as_str(), seat.row.as_str())).collect();
    assert_eq!(places, [("\\N", "\\."), ("NULL", "\"")]);
}

#[tokio::test]
async fn what_names_an_event_that_is_not_there_is_told_so() {
    let app = TestApp::start(Setup::default()).await;
    let organizer = Uuid::new_v4();
    let mut body = draft("Secret", "Globe", "2031-05-02T19:00:00Z");
    body["general_admission"] = json!({"quantity": 2, "price_cents": 1000});
    let secret = created(&app, organizer, &body).await.id;
    let missing = (404, "not_found".to_owned());
    for event in [Uuid::new_v4(), secret] {
        let seats = json!({"event_id": event, "seat_ids": [app.seats[0], i64::MAX]});
        for order in [seats, json!({"event_id": event, "quantity": 1})] {
            let buyer = Uuid::new_v4();
            let held = app.call(Method::POST, "/api/v1/reservations").user(buyer).keyed();
            assert_eq!(held.json(&order).send().await.refusal(), missing, "{order}");
            let bought = app.buy(buyer, &super::app::key(), &order).await;
            assert_eq!(bought.refusal(), missing, "{order}");
        }
        for suffix in ["", "/seats", "/availability"] {
            let got = app.get(&format!("/api/v1/events/{event}{suffix}"), None).await;
            assert_eq!(got.refusal(), missing, "{suffix}");
        }
    }
    let gone = wire::Event { id: Uuid::new_v4(), ..events_of(&app).await.remove(0) };
    let edited = app.set_status(organizer, &gone, "published").await;
    let seated = upload(&app, &gone, organizer, 1, MAP).send().await;
    let deleted = on_event(&app, Method::DELETE, &gone, organizer).if_match(1).send().await;
    for got in [edited, seated, deleted] {
        assert_eq!(got.refusal(), missing);
    }
    assert_eq!(app.availability().await.held, 0);
}

async fn events_of(app: &TestApp) -> Vec<wire::Event> {
    app.get("/api/v1/events", None).await.data()
}

#[tokio::test]
async fn a_count_is_cached_and_taken_away_by_every_change() {
    let app = TestApp::start(Setup::default()).await;
    let user = Uuid::new_v4();
    let total = i64::try_from(app.seats.len()).unwrap();
    assert_eq!(app.availability().await.available, total);
    // Damage behind the server's back shows that the count came from the cache, until a sale takes it away.
    app.sql("update seats set held_until = now() + interval '1 hour', reservation_id = gen_random_uuid() where number = 20").await;
    assert_eq!(app.availability().await.available, total, "the count was not cached");
    let held = app.held(user, &[app.seats[0]]).await;
    assert_eq!(app.availability().await.available, total - 2);
    let booking: wire::Booking = app.confirm(user, &super::app::key(), held.id).await.data();
    assert_eq!(app.availability().await.sold, 1);
    let path = format!("/api/v1/bookings/{}/cancel", booking.id);
    app.call(Method::PATCH, &path).user(user).send().await;
    assert_eq!((app.availability().await.sold, app.availability().await.held), (0, 1));
    let held = app.held(user, &[app.seats[1]]).await;
    assert_eq!(app.availability().await.held, 2);
    app.cancel(user, held.id).await;
    assert_eq!(app.availability().await.held, 1);
}

#[tokio::test]
async fn calling_an_event_off_gives_every_hold_and_booking_back() {
    let app = TestApp::start(Setup::default()).await;
    let organizer = Uuid::new_v4();
    let event = app.general_event(organizer, 10, None).await;
    let order = json!({"event_id": event.id, "quantity": 2});
    let mut buyers = Vec::new();
    for _ in 0..3 {
        let buyer = Uuid::new_v4();
        let booking: wire::Booking = app.buy(buyer, &super::app::key(), &order).await.data();
        buyers.push((buyer, booking));
    }
    let holder = Uuid::new_v4();
    let held = app
        .call(Method::POST, "/api/v1/reservations")
        .user(holder)
        .keyed()
        .json(&order)
        .send()
        .await;
    let held: wire::Reservation = held.data();
    let off = app.set_status(organizer, &event, "cancelled").await;
    assert_eq!(off.status, StatusCode::OK, "{}", off.body);
    let late = app.buy(Uuid::new_v4(), &super::app::key(), &order).await;
    assert_eq!(late.refusal(), (409, "not_on_sale".to_owned()));
    let paid = app.confirm(holder, &super::app::key(), held.id).await;
    assert_eq!(paid.refusal(), (409, "not_on_sale".to_owned()));
    assert_eq!(app.run_job("refund-cancelled").await, [3, 1]);
    assert_eq!(app.run_job("refund-cancelled").await, [0, 0]);
    for (buyer, booking) in buyers {
        let now: wire::Booking =
            app.get(&format!("/api/v1/bookings/{}", booking.id), Some(buyer)).await.data();
        assert_eq!(now.state, "cancelled");
    }
    let ledger = app.stack.payments().ledger();
    assert_eq!(ledger.len(), 3);
    assert!(ledger.iter().all(|charge| charge.state == wire::ChargeState::Refunded), "{ledger:?}");
    assert_eq!(ledger[0].amount_cents, 2 * PRICE_CENTS);
    app.clean_audit().await;
}
