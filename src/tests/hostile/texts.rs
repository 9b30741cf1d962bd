//! Texts with characters that nobody sees, which make one text look like another: refused wherever a text is taken, by one
//! rule.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::app::{Got, Setup, TestApp, asking, key};
use super::assert_refused;
use crate::domain::Role;
use crate::wire;

/// Of each kind: control characters, directions, what joins or parts words unseen, fillers, tags.
const UNSEEN: &[char] = &[
    '\u{0}',
    '\u{7}',
    '\u{1b}',
    '\u{7f}',
    '\u{85}',
    '\u{ad}',
    '\u{61c}',
    '\u{115f}',
    '\u{180e}',
    '\u{200b}',
    '\u{200e}',
    '\u{200f}',
    '\u{2028}',
    '\u{202a}',
    '\u{202e}',
    '\u{2060}',
    '\u{2066}',
    '\u{2069}',
    '\u{206f}',
    '\u{3164}',
    '\u{feff}',
    '\u{fffb}',
    '\u{e0041}',
];
/// Words that need what joins and parts their letters unseen, and a family.
const SEEN: &str = "\u{645}\u{6cc}\u{200c}\u{62e}\u{648}\u{627}\u{647}\u{645} \u{915}\u{94d}\u{200d}\u{937} \u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467} \u{2764}\u{fe0f} na\u{ef}ve";

async fn create(app: &TestApp, field: &str, text: &str) -> Got {
    let mut body = json!({"title": "T", "venue": "V", "starts_at": "2030-05-01T19:00:00Z"});
    body[field] = json!(text);
    let call = app.call(Method::POST, "/api/v1/events").role(Uuid::new_v4(), Role::Organizer);
    call.json(&body).send().await
}

#[tokio::test]
async fn a_character_that_nobody_sees_is_refused_in_every_text() {
    let app = TestApp::start(Setup::default()).await;
    let organizer = Uuid::new_v4();
    let event = json!({"title": "T", "venue": "V", "starts_at": "2030-05-01T19:00:00Z"});
    let draft = app.call(Method::POST, "/api/v1/events").role(organizer, Role::Organizer);
    let draft: wire::Event = draft.json(&event).send().await.data();
    let of_draft = async |method: Method, below: &str, kind: &str, body: String| {
        let path = format!("/api/v1/events/{}{below}", draft.id);
        let call = app.call(method, &path).role(organizer, Role::Organizer);
        call.if_match(draft.version).body(kind, body).send().await
    };
    for unseen in UNSEEN {
        let text = format!("Ham{unseen}let");
        let named = |got: &Got, field: &str| {
            let what = format!("{field} with {unseen:?}");
            assert_refused(got, &what);
            assert_eq!(got.reason(), field, "{what}: {}", got.body);
        };
        for field in ["title", "venue", "description"] {
            named(&create(&app, field, &text).await, field);
            let change = json!({field: text}).to_string();
            named(&of_draft(Method::PATCH, "", "application/json", change).await, field);
        }
        for row in [format!("{text},1,1,5"), format!("A,{text},1,5")] {
            let map = format!("section,row,number,price\n\"{}\"\n", row.replace(',', "\",\""));
            named(&of_draft(Method::PUT, "/seats", "text/csv", map).await, "seat_map");
        }
        for field in ["q", "venue"] {
            let path = asking("/api/v1/events", &[(field, &text)]);
            named(&app.get(&path, None).await, field);
        }
        let order =
            json!({"event_id": app.event, "seat_ids": [app.seats[0]], "payment_method": text});
        named(&app.buy(organizer, &key(), &order).await, "payment_method");
        let who =
            json!({"email": format!("{text}@example.org"), "password": "correct horse battery"});
        let register = app.call(Method::POST, "/api/v1/auth/register");
        named(&register.json(&who).send().await, "email");
    }
}

#[tokio::test]
async fn text_of_every_script_is_text_and_what_shows_nothing_is_none() {
    let app = TestApp::start(Setup::default()).await;
    for field in ["title", "venue", "description"] {
        let got = create(&app, field, SEEN).await;
        let event: Value = got.data();
        assert_eq!(event[field], SEEN, "{}", got.body);
    }
    let lines = create(&app, "description", "one\n\ttwo\r\n").await;
    assert_eq!(lines.data::<wire::Event>().description, "one\n\ttwo");
    for nothing in ["\u{200d}", " \u{200c}\u{fe0f} ", "\u{2003}"] {
        assert_eq!(create(&app, "title", nothing).await.refusal(), (422, "title".to_owned()));
    }
}
