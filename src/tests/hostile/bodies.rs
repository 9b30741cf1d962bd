//! Bodies of the wrong kind, size, depth, character set and speed, to every route that takes a body.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Row as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use uuid::Uuid;

use super::super::app::{Call, Got, LimitSetup, Setup, TestApp, key, value};
use super::assert_refused;
use crate::api::extract::{JSON_BYTES_MAX, SEAT_MAP_BYTES_MAX};
use crate::api::routes::{OPENAPI, ROUTES};
use crate::clock;
use crate::domain::Role;
use crate::wire;

const JSON: &str = "application/json";
const CSV: &str = "text/csv";
const MAP: &str = "section,row,number,price\nStalls,A,1,45\n";

/// A route that takes a body, and a request that it would answer with success.
struct Taker {
    method: Method,
    path: String,
    kind: String,
    body: String,
    version: i64,
}

/// What the takers' requests are about.
struct Things {
    user: Uuid,
    tokens: wire::Tokens,
    sale: wire::Event,
    draft: wire::Event,
    reservation: Uuid,
}

impl Things {
    async fn new(app: &TestApp) -> Self {
        let user = Uuid::new_v4();
        let tokens = app.logged_in("ada@example.org").await;
        let sale = app.general_event(user, 10, None).await;
        let draft =
            json!({"title": "Hamlet", "venue": "Globe", "starts_at": "2030-05-01T19:00:00Z"});
        let post = app.call(Method::POST, "/api/v1/events").role(user, Role::Organizer);
        let draft = post.json(&draft).send().await.data();
        let reservation = app.held(user, &[app.seats[0]]).await.id;
        Self { user, tokens, sale, draft, reservation }
    }

    /// A body that has an effect.
    fn body_for(&self, method: &str, path: &str) -> String {
        let password = "correct horse battery";
        let body = match (method, path.trim_start_matches("/api/v1/")) {
            ("POST", "auth/register") => json!({"email": "eve@example.org", "password": password}),
            ("POST", "auth/login") => json!({"email": "ada@example.org", "password": password}),
            ("POST", "auth/refresh" | "auth/logout") => {
                json!({"refresh_token": self.tokens.refresh_token})
            }
            ("POST", "events") => {
                json!({"title": "T", "venue": "V", "starts_at": "2030-05-01T19:00:00Z"})
            }
            ("PATCH", "events/{id}") => json!({"title": "Macbeth"}),
            ("PUT", "events/{id}/seats") => return MAP.to_owned(),
            ("POST", "reservations" | "bookings") => {
                json!({"event_id": self.sale.id, "quantity": 1})
            }
            ("POST", "bookings/confirm") => json!({"reservation_id": self.reservation}),
            other => panic!("{other:?} takes a body, and nobody says which"),
        };
        body.to_string()
    }

    /// Every route whose description has a body.
    fn takers(&self) -> Vec<Taker> {
        let described = value(&OPENAPI.to_json().unwrap());
        let takers = ROUTES.iter().filter_map(|route| {
            let operation =
                &described["paths"][route.path][route.method.as_str().to_ascii_lowercase()];
            let content = operation["requestBody"]["content"].as_object()?;
            Some(Taker {
                method: route.method.clone(),
                path: route.path.replace("{id}", &self.draft.id.to_string()),
                kind: content.keys().next().unwrap().clone(),
                body: self.body_for(route.method.as_str(), route.path),
                version: self.draft.version,
            })
        });
        takers.collect()
    }

    fn call(&self, app: &TestApp, taker: &Taker) -> Call {
        let call = app.call(taker.method.clone(), &taker.path).role(self.user, Role::Organizer);
        call.keyed().if_match(taker.version)
    }

    async fn send(&self, app: &TestApp, taker: &Taker, kind: &str, body: Vec<u8>) -> Got {
        self.call(app, taker).body(kind, body).send().await
    }
}

/// What is stored, of every table.
async fn fingerprint(app: &TestApp) -> Vec<(String, String)> {
    let mut connection = app.context.storage.connection().await.unwrap();
    let tables = "select tablename from pg_tables where schemaname = 'public' order by 1";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut *connection).await.unwrap();
    assert!(tables.len() > 5, "{tables:?}");
    let mut prints = Vec::new();
    for table in tables {
        let rows = format!("select md5(string_agg(t::text, '|' order by t::text)) from {table} t");
        let row = sqlx::query(AssertSqlSafe(rows)).fetch_one(&mut *connection).await.unwrap();
        prints.push((table, row.get::<Option<String>, _>(0).unwrap_or_default()));
    }
    prints
}

/// Bodies that are not what they say, or say that they are not what the route takes: what each is, its kind, itself, and
/// the statuses that fit.
fn bad_bodies(taker: &Taker) -> Vec<(&'static str, String, Vec<u8>, &'static [u16])> {
    let good = || taker.body.clone().into_bytes();
    let mut cases = Vec::new();
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonfoo",
        "text/csvfoo",
        "application/json; charset=iso-8859-1",
        "text/csv; charset=iso-8859-1",
        "text/csv; header=present; charset=\"utf-16\"",
        "rubbish",
        if taker.kind == JSON { CSV } else { JSON },
    ] {
        cases.push(("another kind", kind.to_owned(), good(), [415].as_slice()));
    }
    let bad: Vec<(&'static str, Vec<u8>, &'static [u16])> =
        if taker.kind == CSV { bad_csv() } else { bad_json(&value(&taker.body)) };
    cases.extend(bad.into_iter().map(|(what, body, fits)| (what, taker.kind.clone(), body, fits)));
    cases
}

fn bad_csv() -> Vec<(&'static str, Vec<u8>, &'static [u16])> {
    let mut large = MAP.as_bytes().to_vec();
    large.resize(SEAT_MAP_BYTES_MAX + 1, b'\n');
    let head = "section,row,number,price\n";
    vec![
        ("nothing", Vec::new(), &[422]),
        ("too large", large, &[413]),
        ("not UTF-8", [head.as_bytes(), b"\xe9,A,1,45\n"].concat(), &[422]),
        ("NUL", format!("{head}a\0b,A,1,45\n").into_bytes(), &[422]),
        ("nothing but NUL", vec![0; 100], &[422]),
        ("wide", format!("{head}{}\n", ",".repeat(100_000)).into_bytes(), &[422]),
        ("an open quote", format!("{head}\"A,A,1,45\n").into_bytes(), &[422]),
        ("JSON", br#"{"section":"A"}"#.to_vec(), &[422]),
    ]
}

fn bad_json(good: &Value) -> Vec<(&'static str, Vec<u8>, &'static [u16])> {
    let text = good.to_string();
    let (first, _) = good.as_object().unwrap().iter().next().unwrap();
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body.to_string().into_bytes()
    };
    let deep = |open: &str, close: &str| {
        format!("{{\"{first}\":{}1{}}}", open.repeat(9_000), close.repeat(9_000)).into_bytes()
    };
    let mut large = text.clone().into_bytes();
    large.resize(JSON_BYTES_MAX + 1, b' ');
    let mut cases: Vec<(&'static str, Vec<u8>, &'static [u16])> = vec![
        ("nothing", Vec::new(), &[400]),
        ("too large", large, &[413]),
        ("deep lists", deep("[", "]"), &[400, 422]),
        ("deep objects", deep("{\"a\":", "}"), &[400, 422]),
        ("not UTF-8", [br#"{"a":""#.as_slice(), b"\xe9", b"\"}"].concat(), &[400, 422]),
        ("UTF-16", text.encode_utf16().flat_map(u16::to_le_bytes).collect(), &[400]),
        ("a byte order mark", format!("\u{feff}{text}").into_bytes(), &[400]),
        ("nothing but NUL", vec![0; 100], &[400]),
        ("NUL in a text", format!("{{\"{first}\":\"a\0b\"}}").into_bytes(), &[400, 422]),
        ("half of it", text.as_bytes()[..text.len() / 2].to_vec(), &[400, 422]),
        ("two of them", format!("{text}{text}").into_bytes(), &[400]),
        ("a list", format!("[{text}]").into_bytes(), &[422]),
        ("null", b"null".to_vec(), &[422]),
        ("a number", b"1e400".to_vec(), &[400, 422]),
        ("no number", b"NaN".to_vec(), &[400]),
        ("a comment", format!("/**/{text}").into_bytes(), &[400]),
        ("an unknown field", with("user_id", json!(Uuid::nil())), &[422]),
        ("a field of another kind", with(first, json!({"$ne": null})), &[422]),
        (
            "a field twice",
            format!("{{\"{first}\":{0},\"{first}\":{0}}}", good[first]).into_bytes(),
            &[422],
        ),
    ];
    // A password may hold anything, and of a refresh token nobody is told what is wrong with it.
    let texts = ["email", "title", "venue", "description", "payment_method", "event_id"];
    let texts = texts.into_iter().filter(|field| good.get(field).is_some());
    cases
        .extend(texts.map(|field| ("NUL by escape", with(field, json!("a\0b")), [422].as_slice())));
    cases
}

#[tokio::test]
async fn a_body_that_no_route_takes_is_refused_by_every_route_and_changes_nothing() {
    let app = TestApp::start(Setup::default()).await;
    let things = Things::new(&app).await;
    let takers = things.takers();
    let before = fingerprint(&app).await;
    for taker in &takers {
        for (what, kind, body, fits) in bad_bodies(taker) {
            let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
            let what = format!("{} {} {kind}, {what}: {shown:?}", taker.method, taker.path);
            let got = things.send(&app, taker, &kind, body).await;
            assert_refused(&got, &what);
            assert!(fits.contains(&got.status.as_u16()), "{what}: {} {}", got.status, got.body);
            let noise = ["line 1 column", "expected", "deserialize", "struct", "`"];
            assert!(!noise.iter().any(|noise| got.body.contains(noise)), "{what}: {}", got.body);
        }
        assert_eq!(fingerprint(&app).await, before, "{} {}", taker.method, taker.path);
    }
    // What was wrong was nothing but that: sent as it should be, each has its effect.
    for mut taker in takers {
        // The draft was changed by then.
        taker.version += i64::from(taker.method == Method::PUT);
        let kind = format!("{}; charset=UTF-8", taker.kind);
        let got = things.send(&app, &taker, &kind, taker.body.clone().into_bytes()).await;
        assert!(got.status.is_success(), "{} {}: {}", taker.method, taker.path, got.body);
    }
}

#[tokio::test]
async fn a_packed_body_is_refused_by_every_route_and_told_to_come_as_it_is() {
    let app = TestApp::start(Setup::default()).await;
    let things = Things::new(&app).await;
    let before = fingerprint(&app).await;
    for taker in &things.takers() {
        for coding in ["gzip", "br", "identity, gzip", "aws-chunked"] {
            let call = things.call(&app, taker).header("content-encoding", coding);
            let got = call.body(&taker.kind, taker.body.clone()).send().await;
            let what = format!("{} {} {coding}", taker.method, taker.path);
            assert_refused(&got, &what);
            assert_eq!(got.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{what}: {}", got.body);
            assert_eq!(got.headers["accept-encoding"], "identity", "{what}");
        }
    }
    assert_eq!(fingerprint(&app).await, before);
    let login = app.call(Method::POST, "/api/v1/auth/login").header("content-encoding", "identity");
    let plain = login.body(JSON, things.body_for("POST", "/api/v1/auth/login")).send().await;
    assert_eq!(plain.status, StatusCode::OK, "{}", plain.body);
}

#[tokio::test]
async fn a_key_that_is_none_is_refused_by_every_route_that_takes_one() {
    let app = TestApp::start(Setup::default()).await;
    let things = Things::new(&app).await;
    let before = fingerprint(&app).await;
    for taker in things.takers().iter().filter(|taker| {
        ["reservations", "bookings", "confirm"].iter().any(|word| taker.path.ends_with(word))
    }) {
        let call = || app.call(taker.method.clone(), &taker.path).user(things.user);
        let long = "k".repeat(256);
        for call in [
            call(),
            call().header(wire::IDEMPOTENCY_KEY, &long),
            call().header(wire::IDEMPOTENCY_KEY, "two words"),
        ] {
            let got = call.body(JSON, taker.body.clone()).send().await;
            assert_refused(&got, &taker.path);
            assert_eq!(got.refusal(), (400, "idempotency_key".to_owned()), "{}", taker.path);
        }
    }
    assert_eq!(fingerprint(&app).await, before);
}

#[tokio::test]
async fn faults_of_several_fields_are_told_at_once_and_in_order() {
    let app = TestApp::start(Setup::default()).await;
    let fields = async |path: &str, body: Value| -> Vec<String> {
        let call = app.call(Method::POST, path).role(Uuid::new_v4(), Role::Organizer);
        let got = call.json(&body).send().await;
        assert_eq!(got.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", got.body);
        let failure: wire::Failure = serde_json::from_str(&got.body).unwrap();
        failure.errors.into_iter().map(|error| error.field).collect()
    };
    for path in ["/api/v1/auth/register", "/api/v1/auth/login"] {
        let body = json!({"email": "nobody", "password": "short"});
        assert_eq!(fields(path, body).await, ["email", "password"], "{path}");
    }
    let body = json!({"title": "", "venue": "\u{7}", "description": "x".repeat(5001), "starts_at": "2030-05-01T19:00:00Z",
        "general_admission": {"quantity": 0, "price_cents": 0}, "tickets_per_user_max": 0});
    let all = [
        "title",
        "venue",
        "description",
        "general_admission.quantity",
        "general_admission.price_cents",
        "tickets_per_user_max",
    ];
    assert_eq!(fields("/api/v1/events", body).await, all);
}

#[tokio::test]
async fn a_body_that_does_not_come_in_time_is_its_senders_fault_and_changes_nothing() {
    let limits = LimitSetup { request_timeout: Duration::from_secs(1), ..LimitSetup::default() };
    let app = TestApp::start(Setup { limits, ..Setup::default() }).await;
    let things = Things::new(&app).await;
    let before = fingerprint(&app).await;
    for taker in things.takers() {
        let token = super::super::app::organizer_token(things.user);
        let head = format!(
            "{} {} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: {}\r\n\
             content-length: {}\r\nidempotency-key: {}\r\nif-match: \"{}\"\r\n\r\n",
            taker.method,
            taker.path,
            taker.kind,
            taker.body.len() + 100,
            key(),
            taker.version,
        );
        let began = clock::monotonic();
        let answer = trickle(&app, &head, &taker.body).await;
        let what = format!("{} {}: {answer}", taker.method, taker.path);
        assert!(answer.starts_with("HTTP/1.1 408 "), "{what}");
        assert!(answer.contains("connection: close"), "{what}");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        assert_eq!(value(body)["success"], json!(false), "{what}");
        assert!(began.elapsed() >= Duration::from_millis(700), "{what}");
    }
    assert_eq!(fingerprint(&app).await, before);
}

/// Sends all but the end of a body, byte by byte, and reads until the server closes.
async fn trickle(app: &TestApp, head: &str, body: &str) -> String {
    let stream = TcpStream::connect(app.url.trim_start_matches("http://")).await.unwrap();
    let (mut from, mut to) = stream.into_split();
    to.write_all(head.as_bytes()).await.unwrap();
    let mut drops = body.bytes();
    let mut answer = Vec::new();
    let mut pace = tokio::time::interval(Duration::from_millis(20));
    let deadline = clock::monotonic() + Duration::from_secs(5);
    loop {
        assert!(clock::monotonic() < deadline, "the server kept the connection");
        tokio::select! {
            read = from.read_buf(&mut answer) => if read.unwrap_or(0) == 0 { break },
            _ = pace.tick() => if let Some(byte) = drops.next() {
                // The server may have had enough.
                let _sent = to.write_all(&[byte]).await;
            },
        }
    }
    String::from_utf8(answer).unwrap()
}
