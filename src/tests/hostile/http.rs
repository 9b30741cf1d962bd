//! Requests that are no HTTP, or HTTP against its rules, byte by byte. Each is answered in the envelope, as everything is.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use uuid::Uuid;

use super::super::app::{Setup, TestApp, value};
use super::super::raw::raw;
use crate::domain::Role;

const WITHIN: Duration = Duration::from_secs(5);
/// A request that asks for the connection's end, so that a test needs not wait for it.
const LIVE: &str = "GET /health/live HTTP/1.1\r\nconnection: close\r\n";

/// The status of an answer and its body, which has to be an envelope among the usual headers.
#[track_caller]
fn refused(answer: &str, what: &str) -> (u16, Value) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{what}: {answer}"));
    let head = head.to_ascii_lowercase();
    for header in [
        "x-request-id: ",
        "content-type: application/json",
        "x-content-type-options: nosniff",
        "x-frame-options: deny",
        "content-security-policy: default-src 'none'",
        "cache-control: no-store",
        "date: ",
        &format!("content-length: {}", body.len()),
    ] {
        assert_eq!(head.matches(header).count(), 1, "{what}, {header}: {answer}");
    }
    let body = value(body);
    assert_eq!(body["success"], json!(false), "{what}: {answer}");
    assert!(body["message"].is_string() && body["errors"].is_array(), "{what}: {answer}");
    (head["http/1.1 ".len()..][..3].parse().unwrap(), body)
}

#[tokio::test]
async fn a_request_names_exactly_one_host() {
    let app = TestApp::start(Setup::default()).await;
    let ask =
        async |headers: &str| raw(&app, format!("{LIVE}{headers}\r\n").as_bytes(), WITHIN).await;
    for headers in [
        "",
        "host: a\r\nhost: a\r\n",
        "host: a\r\nhost: b\r\n",
        "host: a b\r\n",
        "host: a/b\r\n",
        "host: user@a\r\n",
        "host: a, b\r\n",
        "host: a:port\r\n",
        "host: \u{e9}\r\n",
    ] {
        let (status, body) = refused(&ask(headers).await, headers);
        assert_eq!((status, &body["errors"][0]["field"]), (400, &json!("host")), "{headers}");
    }
    for headers in
        ["host: a\r\n", "host: [::1]:8080\r\n", "host:\r\n", "host: a.example.org:80\r\n"]
    {
        let answer = ask(headers).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{headers}: {answer}");
    }
    let old = raw(&app, b"GET /health/live HTTP/1.0\r\n\r\n", WITHIN).await;
    assert!(old.starts_with("HTTP/1.0 200 "), "{old}");
    let old = raw(&app, b"GET /health/live HTTP/1.0\r\nhost: a\r\nhost: b\r\n\r\n", WITHIN).await;
    assert!(old.starts_with("HTTP/1.0 400 "), "{old}");
    let proxied = "GET http://a/health/live HTTP/1.1\r\nhost: b\r\nconnection: close\r\n\r\n";
    let proxied = raw(&app, proxied.as_bytes(), WITHIN).await;
    assert!(proxied.starts_with("HTTP/1.1 200 "), "{proxied}");
}

#[tokio::test]
async fn what_is_no_http_is_refused_in_the_envelope_as_everything_is() {
    let app = TestApp::start(Setup::default()).await;
    let long = format!("{LIVE}host: x\r\nx-long: {}\r\n\r\n", "x".repeat(9000));
    let many = format!("{LIVE}host: x\r\n{}\r\n", "x-again: y\r\n".repeat(200));
    let wide = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(9000));
    let lengths = format!("{LIVE}host: x\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\n");
    let coded = format!("{LIVE}host: x\r\ntransfer-encoding: gzip\r\n\r\n");
    for (bytes, expected) in [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".as_slice(), 400),
        (b"rubbish\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\nhost: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: x\r\nbad header: 1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: x\r\nx: a\x00b\r\n\r\n", 400),
        (b"GET /\x01 HTTP/1.1\r\nhost: x\r\n\r\n", 400),
        (lengths.as_bytes(), 400),
        (coded.as_bytes(), 400),
        (long.as_bytes(), 431),
        (many.as_bytes(), 431),
        (wide.as_bytes(), 431),
    ] {
        let what = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
        let answer = raw(&app, bytes, WITHIN).await;
        assert_eq!(refused(&answer, &what).0, expected, "{what}: {answer}");
        assert!(answer.contains("connection: close\r\n"), "{what}: {answer}");
    }
}

#[tokio::test]
async fn rubbish_behind_a_request_takes_nothing_from_its_answer() {
    let app = TestApp::start(Setup::default()).await;
    let live = "GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n";
    let answers = raw(&app, format!("{live}{live}rubbish\r\n\r\n").as_bytes(), WITHIN).await;
    let parts: Vec<&str> = answers.split_inclusive("\r\n\r\nlive").collect();
    assert_eq!(parts.len(), 3, "{answers}");
    assert!(parts[..2].iter().all(|part| part.starts_with("HTTP/1.1 200 ")), "{answers}");
    assert_eq!(refused(parts[2], "rubbish").0, 400);
    // Also where the first answer is too large to be written at once, and is read slowly.
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let address = app.url.trim_start_matches("http://").parse().unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    let request = "GET /api/reference/scalar.js HTTP/1.1\r\nhost: x\r\n\r\nrubbish\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut all = Vec::new();
    tokio::time::timeout(4 * WITHIN, stream.read_to_end(&mut all)).await.unwrap().unwrap();
    let script = app.call(Method::GET, "/api/reference/scalar.js").send().await.body;
    let all = String::from_utf8(all).unwrap();
    let (head, rest) = all.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(rest.starts_with(&script), "the answer is not whole");
    assert_eq!(refused(&rest[script.len()..], "rubbish").0, 400);
}

#[tokio::test]
async fn nobody_is_invited_to_send_more_than_is_taken() {
    let app = TestApp::start(Setup::default()).await;
    let token = super::super::app::organizer_token(Uuid::new_v4());
    let expecting = async |route: &str, kind: &str, length: &str| {
        let mut stream = TcpStream::connect(app.url.trim_start_matches("http://")).await.unwrap();
        let head = format!(
            "{route} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\nexpect: 100-continue\r\n\
             idempotency-key: k\r\nif-match: \"1\"\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = vec![0; 4096];
        let read = tokio::time::timeout(WITHIN, stream.read(&mut answer)).await;
        let read = read.expect("no answer").unwrap();
        String::from_utf8_lossy(&answer[..read]).into_owned()
    };
    let seats = format!("PUT /api/v1/events/{}/seats", app.event);
    for (route, kind, length) in [
        ("POST /api/v1/auth/login", "application/json", "65537"),
        ("POST /api/v1/reservations", "application/json", "99999999999"),
        ("POST /api/v1/events", "application/json", "9999999999999999999"),
        (&seats, "text/csv", "16777217"),
    ] {
        let answer = expecting(route, kind, length).await;
        let (status, body) = refused(&answer, route);
        assert_eq!(status, 413, "{route}: {body}");
        let fits = expecting(route, kind, "50").await;
        assert!(fits.starts_with("HTTP/1.1 100 "), "{route}: {fits}");
    }
}

#[tokio::test]
async fn who_brings_two_tokens_is_nobody() {
    let app = TestApp::start(Setup::default()).await;
    let token = super::super::app::organizer_token(Uuid::new_v4());
    for (first, second) in [(token.as_str(), "other"), ("other", &token), (&token, &token)] {
        let request = format!(
            "GET /api/v1/bookings HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
             authorization: Bearer {first}\r\nauthorization: Bearer {second}\r\n\r\n"
        );
        let (status, body) = refused(&raw(&app, request.as_bytes(), WITHIN).await, first);
        assert_eq!((status, &body["errors"][0]["field"]), (400, &json!("authorization")), "{body}");
    }
}

#[tokio::test]
async fn a_version_that_is_every_version_is_refused_as_what_it_is() {
    let app = TestApp::start(Setup::default()).await;
    let organizer = Uuid::new_v4();
    let event = app.general_event(organizer, 10, None).await;
    let change = app.call(Method::PATCH, &format!("/api/v1/events/{}", event.id));
    let change = change.role(organizer, Role::Organizer).header("if-match", "*");
    let got = change.json(&json!({"title": "Another"})).send().await;
    assert_eq!(got.refusal(), (428, "if_match".to_owned()));
    assert!(got.body.contains("every version") && !got.body.contains("missing"), "{}", got.body);
}
