//! Finding events: by what, page by page, and with what is left of each.

use std::collections::BTreeMap;

use reqwest::{Method, StatusCode};
use serde_json::json;
use uuid::Uuid;

use super::app::{Setup, TestApp, asking, key};
use super::events::{created, draft};
use crate::domain::Role;
use crate::wire;

/// Four events on sale of one organizer, and a draft.
async fn programme(app: &TestApp, organizer: Uuid) -> Vec<wire::Event> {
    let mut events = Vec::new();
    for (title, venue, start, price) in [
        ("Hamlet", "Globe", "2031-05-01T19:00:00Z", 1000),
        ("Macbeth", "Globe", "2031-05-02T19:00:00Z", 2000),
        ("Blues night", "Cellar", "2031-05-02T19:00:00Z", 3000),
        ("Jazz night", "Cellar", "2031-05-03T19:00:00Z", 4000),
    ] {
        let mut body = draft(title, venue, start);
        body["general_admission"] = json!({"quantity": 2, "price_cents": price});
        let event = created(app, organizer, &body).await;
        events.push(app.set_status(organizer, &event, "published").await.data());
    }
    created(app, organizer, &draft("Secret", "Globe", "2031-05-02T19:00:00Z")).await;
    events
}

/// Titles of the programme's events that a query finds, sorted.
async fn titles(app: &TestApp, pairs: &[(&str, &str)]) -> Vec<String> {
    let got = app.get(&asking("/api/v1/events", pairs), None).await;
    assert_eq!(got.status, StatusCode::OK, "{}", got.body);
    let found: Vec<wire::Event> = got.data();
    let mut titles: Vec<String> = found.into_iter().map(|event| event.title).collect();
    titles.retain(|title| title != "Test");
    titles.sort();
    titles
}

#[tokio::test]
async fn events_are_found_by_date_status_venue_price_and_text() {
    let app = TestApp::start(Setup::default()).await;
    let organizer = Uuid::new_v4();
    let events = programme(&app, organizer).await;
    let dates = [("from", "2031-05-02T00:00:00Z"), ("to", "2031-05-03T00:00:00Z")];
    for (query, found) in [
        (&[("venue", "gLOBE")][..], &["Hamlet", "Macbeth"][..]),
        (&[("q", "night")], &["Blues night", "Jazz night"]),
        (&[("q", "night -jazz")], &["Blues night"]),
        (&[("q", "globe hamlet")], &["Hamlet"]),
        (&[("q", "ham glo")], &["Hamlet"]),
        (&[("q", "NIGH")], &["Blues night", "Jazz night"]),
        (&[("q", "nigh -jaz")], &["Blues night"]),
        (&[("q", "\"blues nig\"")], &["Blues night"]),
        (&[("q", "blu or macb")], &["Blues night", "Macbeth"]),
        (&[("q", "amlet")], &[]),
        (&[("q", "!?")], &[]),
        (&[("price_min", "1500"), ("price_max", "3000")], &["Blues night", "Macbeth"]),
        (&dates, &["Blues night", "Macbeth"]),
        (&[("status", "completed")], &[]),
    ] {
        assert_eq!(titles(&app, query).await, found, "{query:?}");
    }
    app.set_status(organizer, &events[0], "cancelled").await;
    assert_eq!(titles(&app, &[("status", "cancelled")]).await, ["Hamlet"]);
    let anonymous = app.get("/api/v1/events?status=draft", None).await;
    assert_eq!(anonymous.status, StatusCode::UNAUTHORIZED);
    let drafts = async |user| -> Vec<wire::Event> {
        let call = app.call(Method::GET, "/api/v1/events?status=draft");
        call.role(user, Role::Organizer).send().await.data()
    };
    assert_eq!(drafts(organizer).await.len(), 1);
    assert_eq!(drafts(Uuid::new_v4()).await.len(), 0, "somebody sees another's drafts");
}

#[tokio::test]
async fn whatever_is_searched_for_is_text() {
    let app = TestApp::start(Setup::default()).await;
    programme(&app, Uuid::new_v4()).await;
    let marks = [
        "'",
        "\\",
        "\"",
        ":",
        "*",
        "&",
        "|",
        "!",
        "(",
        "<->",
        "-",
        "%",
        "/",
        "\u{e9}",
        "\u{1f3ad}",
        "or",
    ];
    let hostile = marks.iter().flat_map(|one| {
        marks.iter().map(move |two| format!("{one}x{two}y{one}{two} a.{one}b/c{two}{one}@d.e{two}"))
    });
    for text in hostile {
        let got = app.get(&asking("/api/v1/events", &[("q", &text)]), None).await;
        assert_eq!(got.status, StatusCode::OK, "{text:?}: {}", got.body);
    }
}

#[tokio::test]
async fn a_list_shows_what_is_left_of_each_event() {
    let app = TestApp::start(Setup::default()).await;
    let events = programme(&app, Uuid::new_v4()).await;
    let order = json!({"event_id": events[1].id, "quantity": 1});
    app.buy(Uuid::new_v4(), &key(), &order).await;
    app.held(Uuid::new_v4(), &app.seats[..3]).await;
    let left = async || {
        let listed: Vec<wire::Event> = app.get("/api/v1/events", None).await.data();
        let left = listed.into_iter().map(|event| {
            let left = event.availability.unwrap();
            assert_eq!(left.event_id, event.id);
            (event.title, [left.total, left.available, left.held, left.sold])
        });
        left.collect::<BTreeMap<_, _>>()
    };
    let all = left().await;
    assert_eq!(all["Hamlet"], [2, 2, 0, 0]);
    assert_eq!(all["Macbeth"], [2, 1, 0, 1]);
    assert_eq!(all["Test"], [20, 17, 3, 0]);
    // Damage behind the server's back shows which counts are kept: all, but that of the event that changed.
    app.sql("delete from seats where section = 'GA' and booking_id is null").await;
    let hamlet = json!({"event_id": events[0].id, "quantity": 1});
    assert_eq!(app.buy(Uuid::new_v4(), &key(), &hamlet).await.reason(), "sold_out");
    app.held(Uuid::new_v4(), &app.seats[3..5]).await;
    let kept = left().await;
    assert_eq!((kept["Hamlet"], kept["Test"]), ([2, 2, 0, 0], [20, 15, 5, 0]));
    let one: wire::Event = app.get(&format!("/api/v1/events/{}", events[0].id), None).await.data();
    assert_eq!(one.availability, None);
}

#[tokio::test]
async fn pages_meet_every_event_once_also_when_two_start_at_the_same_moment() {
    let app = TestApp::start(Setup::default()).await;
    programme(&app, Uuid::new_v4()).await;
    let (mut seen, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut pairs = vec![("limit", "1"), ("from", "2031-01-01T00:00:00Z")];
        pairs.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let got = app.get(&asking("/api/v1/events", &pairs), None).await;
        seen.extend(got.data::<Vec<wire::Event>>().into_iter().map(|event| event.title));
        cursor = got.next_cursor();
        if cursor.is_none() {
            break;
        }
        assert!(seen.len() <= 4, "pages go on for ever: {seen:?}");
    }
    seen.sort();
    assert_eq!(seen, ["Blues night", "Hamlet", "Jazz night", "Macbeth"]);
}

#[tokio::test]
async fn a_query_that_makes_no_sense_is_refused_with_its_field() {
    let app = TestApp::start(Setup::default()).await;
    for (query, field) in [
        ("limit=101", "limit"),
        ("limit=0", "limit"),
        ("price_min=-1", "price_min"),
        ("price_max=-1", "price_max"),
        ("cursor=x", "cursor"),
        ("cursor=-300000000000000000.00000000-0000-4000-8000-000000000000", "cursor"),
        ("from=9999-12-31T23:59:59-23:59", "from"),
        ("to=0000-01-01T00:00:00Z", "to"),
        ("q=%00", "q"),
        ("colour=red", "colour"),
        ("from=tomorrow", "from"),
        ("status=sold", "status"),
    ] {
        let got = app.get(&format!("/api/v1/events?{query}"), None).await;
        assert_eq!(got.refusal(), (400, field.to_owned()), "{query}");
    }
}
