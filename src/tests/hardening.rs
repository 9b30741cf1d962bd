//! What surrounds every request: headers, ids, bounds on what a client sends and how slowly, and what the log keeps to
//! itself.

use std::fs;
use std::time::Duration;

use reqwest::header::HeaderValue;
use reqwest::{Method, Response, StatusCode};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use uuid::Uuid;

use super::app::{LimitSetup, Setup, TestApp, claims, key, token};
use super::raw::raw;
use crate::api::security_headers::SecurityHeaders;
use crate::clock;
use crate::wire;

const EVENTS: &str = "/api/v1/events";

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

#[tokio::test]
async fn every_answer_tells_browsers_what_not_to_do() {
    let day = Some(Duration::from_hours(24));
    let security_headers = SecurityHeaders { https_only_for: day, ..SecurityHeaders::default() };
    let app = TestApp::start(Setup { security_headers, ..Setup::default() }).await;
    for (method, path, status) in [
        (Method::GET, EVENTS, 200),
        (Method::GET, "/api/v1/events/rubbish", 400),
        (Method::GET, "/api/v1/bookings", 401),
        (Method::GET, "/nothing", 404),
        (Method::PUT, EVENTS, 405),
        (Method::GET, "/health/live", 200),
        (Method::GET, "/metrics", 200),
    ] {
        let got = app.call(method.clone(), path).send().await;
        assert_eq!(got.status.as_u16(), status, "{method} {path}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
            ("cache-control", "no-store"),
            ("strict-transport-security", "max-age=86400"),
        ] {
            assert_eq!(got.headers.get(name).unwrap(), value, "{method} {path} {name}");
        }
    }
    // A page says for itself what it may run.
    let page = app.call(Method::GET, "/api/").send().await;
    assert!(page.headers["content-security-policy"].to_str().unwrap().contains("script-src"));
    assert_eq!(page.headers["x-content-type-options"], "nosniff");
}

#[tokio::test]
async fn only_the_sites_of_the_setting_may_read_answers() {
    let ours = "https://tickets.example.org";
    let security_headers = SecurityHeaders {
        cors_origins: vec![HeaderValue::from_static(ours)],
        ..SecurityHeaders::default()
    };
    let app = TestApp::start(Setup { security_headers, ..Setup::default() }).await;
    let url = format!("{}/api/v1/bookings", app.url);
    let preflight = async |origin: &str| {
        let asked = reqwest::Client::new().request(Method::OPTIONS, &url).header("origin", origin);
        let asked = asked
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type,idempotency-key");
        asked.send().await.unwrap()
    };
    let allowed = preflight(ours).await;
    assert_eq!(allowed.status(), StatusCode::OK);
    assert_eq!(header(&allowed, "access-control-allow-origin"), Some(ours));
    let headers = header(&allowed, "access-control-allow-headers").unwrap().to_ascii_lowercase();
    for name in ["authorization", "content-type", "idempotency-key", "if-match"] {
        assert!(headers.contains(name), "{headers}");
    }
    let refused = preflight("https://evil.example.org").await;
    assert_eq!(header(&refused, "access-control-allow-origin"), None);
    let read = app.call(Method::GET, EVENTS).header("origin", ours).send().await;
    let exposed = read.headers["access-control-expose-headers"].to_str().unwrap();
    for name in ["etag", "ratelimit", "retry-after", "idempotent-replayed", "x-request-id"] {
        assert!(exposed.to_ascii_lowercase().contains(name), "{exposed}");
    }
}

#[tokio::test]
async fn no_site_may_read_answers_unless_the_setting_says_so() {
    let app = TestApp::start(Setup::default()).await;
    let read = app.call(Method::GET, EVENTS).header("origin", "https://example.org").send().await;
    assert_eq!(read.status, StatusCode::OK);
    assert!(!read.headers.contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn a_sale_is_never_answered_as_unacceptable() {
    let app = TestApp::start(Setup::default()).await;
    let body = json!({"event_id": app.event, "seat_ids": [app.seats[0]]}).to_string();
    let (user, key) = (Uuid::new_v4(), key());
    for accepts in ["identity;q=0", "*; q=0.0", "zstd, identity;Q=0"] {
        let request = reqwest::Client::new().post(format!("{}/api/v1/bookings", app.url));
        let request = request.bearer_auth(token(&claims(user))).header("accept-encoding", accepts);
        let request = request.header("idempotency-key", &key).body(body.clone());
        assert_eq!(request.send().await.unwrap().status(), StatusCode::CREATED, "{accepts}");
    }
}

#[tokio::test]
async fn answers_worth_it_are_compressed_and_others_are_not() {
    let app = TestApp::start(Setup::default()).await;
    let seats = format!("{EVENTS}/{}/seats", app.event);
    let get = async |path: &str, accepts: &str| {
        let request = reqwest::Client::new().get(format!("{}{path}", app.url));
        request.header("accept-encoding", accepts).send().await.unwrap()
    };
    let plain = get(&seats, "identity").await;
    assert_eq!(header(&plain, "content-encoding"), None);
    let plain = plain.bytes().await.unwrap();
    for (accepts, encoding) in
        [("gzip", "gzip"), ("br", "br"), ("gzip, br", "br"), ("br;q=0.5", "br")]
    {
        let packed = get(&seats, accepts).await;
        assert_eq!(header(&packed, "content-encoding"), Some(encoding), "{accepts}");
        let packed = packed.bytes().await.unwrap();
        assert!(packed.len() < plain.len() / 2, "{} of {}", packed.len(), plain.len());
        assert_eq!(packed.starts_with(&[0x1f, 0x8b]), encoding == "gzip");
    }
    // Too small to gain, and too large to wait for.
    for path in ["/health/live", "/api/reference/scalar.js"] {
        assert_eq!(header(&get(path, "gzip, br").await, "content-encoding"), None, "{path}");
    }
}

#[tokio::test]
async fn every_answer_names_its_request_by_the_clients_id_or_one_of_ours() {
    let app = TestApp::start(Setup::default()).await;
    let ask = async |id: Option<&str>| {
        let call = app.call(Method::GET, "/nothing");
        let call = if let Some(id) = id { call.header("x-request-id", id) } else { call };
        call.send().await.headers["x-request-id"].to_str().unwrap().to_owned()
    };
    assert_eq!(ask(Some("order-4711/retry")).await, "order-4711/retry");
    let made = ask(None).await;
    assert!(Uuid::parse_str(&made).is_ok(), "{made}");
    assert_ne!(ask(None).await, made);
    for bad in ["two words", &"x".repeat(65)] {
        assert!(Uuid::parse_str(&ask(Some(bad)).await).is_ok(), "{bad} was taken");
    }
}

#[tokio::test]
async fn headers_larger_than_the_limit_are_refused() {
    let app = TestApp::start(Setup::default()).await;
    let long = format!("GET {EVENTS} HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n", "x".repeat(9000));
    let many = "x-again: y\r\n".repeat(200);
    let many = format!("GET {EVENTS} HTTP/1.1\r\nhost: x\r\n{many}\r\n");
    for request in [long, many] {
        let answer = raw(&app, request.as_bytes(), Duration::from_secs(5)).await;
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }
    assert_eq!(app.get(EVENTS, None).await.status, StatusCode::OK);
}

#[tokio::test]
async fn who_sends_headers_too_slowly_is_cut_off() {
    let mut limits = LimitSetup::default();
    limits.bounds.header_timeout = Duration::from_millis(300);
    let app = TestApp::start(Setup { limits, ..Setup::default() }).await;
    let began = clock::monotonic();
    let half = format!("GET {EVENTS} HTTP/1.1\r\nhost: x\r\n");
    let answer = raw(&app, half.as_bytes(), Duration::from_secs(5)).await;
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(began.elapsed() >= Duration::from_millis(250), "cut after {:?}", began.elapsed());
    raw(&app, b"", Duration::from_secs(5)).await;
}

#[tokio::test]
async fn who_leaves_an_answer_unread_is_cut_off() {
    let mut limits = LimitSetup::default();
    limits.bounds.connections = 1;
    limits.bounds.header_timeout = Duration::from_millis(300);
    let app = TestApp::start(Setup { limits, ..Setup::default() }).await;
    let address = app.url.trim_start_matches("http://");
    let deaf = TcpSocket::new_v4().unwrap();
    deaf.set_recv_buffer_size(4096).unwrap();
    let mut deaf = deaf.connect(address.parse().unwrap()).await.unwrap();
    let request = b"GET /api/reference/scalar.js HTTP/1.1\r\nhost: x\r\n\r\n";
    deaf.write_all(request).await.unwrap();
    let mut byte = [0; 1];
    assert_eq!(deaf.read(&mut byte).await.unwrap(), 1);
    let other = raw(
        &app,
        b"GET /health/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        Duration::from_secs(5),
    )
    .await;
    assert!(other.starts_with("HTTP/1.1 200 "), "{other}");
}

#[tokio::test]
async fn more_connections_than_allowed_wait_for_their_turn() {
    let mut limits = LimitSetup::default();
    limits.bounds.connections = 1;
    let app = TestApp::start(Setup { limits, ..Setup::default() }).await;
    let address = app.url.trim_start_matches("http://");
    let first = TcpStream::connect(address).await.unwrap();
    let mut second = TcpStream::connect(address).await.unwrap();
    second
        .write_all(b"GET /health/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut byte = [0; 1];
    let early = tokio::time::timeout(Duration::from_millis(300), second.read(&mut byte)).await;
    assert!(early.is_err(), "the second connection was served beside the first");
    drop(first);
    let read = tokio::time::timeout(Duration::from_secs(5), second.read(&mut byte)).await;
    assert_eq!(read.unwrap().unwrap(), 1);
}

#[tokio::test]
async fn a_log_line_names_its_request_and_nothing_secret_at_any_level() {
    let mut app = TestApp::start(Setup::default()).await;
    let url = app.process(&[("RUST_LOG", "trace")]).await;
    let (email, password) = ("ada.lovelace@example.org", "correct horse battery");
    let client = reqwest::Client::new();
    let post = async |path: &str, body: serde_json::Value| {
        let request = client.post(format!("{url}/api/v1/auth/{path}")).json(&body);
        request.header("x-request-id", format!("test-{path}")).send().await.unwrap()
    };
    let credentials = json!({"email": email, "password": password});
    assert_eq!(post("register", credentials.clone()).await.status(), StatusCode::ACCEPTED);
    let tokens: wire::Success<wire::Tokens> =
        post("login", credentials.clone()).await.json().await.unwrap();
    let refresh = json!({"refresh_token": tokens.data.refresh_token});
    assert_eq!(post("refresh", refresh.clone()).await.status(), StatusCode::OK);
    assert_eq!(post("refresh", refresh).await.status(), StatusCode::UNAUTHORIZED);
    let mine = client.get(format!("{url}/api/v1/bookings")).bearer_auth(&tokens.data.access_token);
    assert_eq!(mine.send().await.unwrap().status(), StatusCode::OK);
    let log = fs::read_to_string(app.stack.logs_dir().join("server-1.log")).unwrap();
    for (id, route) in
        [("test-login", "/api/v1/auth/login"), ("test-refresh", "/api/v1/auth/refresh")]
    {
        let line = log.lines().find(|line| line.contains(id)).unwrap_or_else(|| panic!("no {id}"));
        assert!(line.contains(route) && line.contains("\"method\":\"POST\""), "{line}");
    }
    assert!(log.contains("a refresh token was used twice"));
    let tokens = tokens.data;
    for secret in [email, "ada.lovelace", password, &tokens.access_token, &tokens.refresh_token] {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "the log says {secret}");
    }
}

#[tokio::test]
async fn every_request_but_a_probe_is_one_line_of_the_log() {
    let mut app = TestApp::start(Setup::default()).await;
    app.url = app.process(&[]).await;
    let user = Uuid::new_v4();
    for (path, id) in [(EVENTS, "one"), ("/api/v1/bookings", "two"), ("/nothing", "three")] {
        app.call(Method::GET, path).user(user).header("x-request-id", id).send().await;
    }
    for path in ["/health", "/health/live", "/health/ready", "/metrics"] {
        app.call(Method::GET, path).header("x-request-id", "probe").send().await;
    }
    let log = fs::read_to_string(app.stack.logs_dir().join("server-1.log")).unwrap();
    let lines = log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let answered: Vec<_> = lines.filter(|line| line["fields"]["message"] == "answered").collect();
    let said: Vec<_> = answered
        .iter()
        .map(|line| {
            let (span, fields) = (&line["span"], &line["fields"]);
            assert!(fields["ms"].as_f64().is_some_and(|ms| ms > 0.0), "{line}");
            assert_eq!((&line["level"], &span["method"]), (&json!("INFO"), &json!("GET")));
            (&span["request_id"], &span["route"], &fields["status"], &fields["user"])
        })
        .collect();
    let (user, nobody) = (json!(user), serde_json::Value::Null);
    let expected = [
        (&json!("one"), &json!(EVENTS), &json!(200), &user),
        (&json!("two"), &json!("/api/v1/bookings"), &json!(200), &user),
        // What has no route asks nobody who they are.
        (&json!("three"), &json!("none"), &json!(404), &nobody),
    ];
    assert_eq!(said, expected);
}

/// Takes one trace export over HTTP and returns its head and body.
async fn collect(listener: &tokio::net::TcpListener) -> (String, Vec<u8>) {
    let (mut stream, _peer) = listener.accept().await.unwrap();
    let mut bytes = Vec::new();
    loop {
        assert!(stream.read_buf(&mut bytes).await.unwrap() > 0, "the export broke off");
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.unwrap().parse().unwrap();
        if bytes.len() >= end + 4 + length {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            return (head, bytes.split_off(end + 4));
        }
    }
}

#[tokio::test]
async fn a_served_request_reaches_the_collector_as_part_of_its_callers_trace() {
    let mut app = TestApp::start(Setup::default()).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let collector = format!("http://{}", listener.local_addr().unwrap());
    let env = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.as_str()),
        ("OTEL_BSP_SCHEDULE_DELAY", "200"),
        ("RUST_LOG", "error"),
    ];
    let url = app.process(&env).await;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let request = reqwest::Client::new()
        .get(format!("{url}{EVENTS}/{}", app.event))
        .header("traceparent", format!("00-{trace}-b7ad6b7169203331-01"));
    assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
    let trace: Vec<u8> =
        (0..16).map(|n| u8::from_str_radix(&trace[2 * n..2 * n + 2], 16).unwrap()).collect();
    // The probe that waited for the server may be in an export before.
    let deadline = clock::monotonic() + Duration::from_secs(10);
    loop {
        let exported = tokio::time::timeout(Duration::from_secs(10), collect(&listener)).await;
        let (head, body) = exported.expect("nothing was exported");
        assert!(head.starts_with("post /v1/traces http/1.1"), "{head}");
        let has = |part: &[u8]| body.windows(part.len()).any(|window| window == part);
        assert!(has(b"ticketctl") && has(b"server-1"));
        if has(&trace) {
            assert!(has(b"GET /api/v1/events/{id}") && has(b"request_id"));
            return;
        }
        assert!(clock::monotonic() < deadline, "the request is in no export");
    }
}

#[tokio::test]
async fn a_collector_that_is_away_hinders_nobody() {
    let mut app = TestApp::start(Setup::default()).await;
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let collector = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    let env =
        [("OTEL_EXPORTER_OTLP_ENDPOINT", collector.as_str()), ("OTEL_BSP_SCHEDULE_DELAY", "50")];
    let url = app.process(&env).await;
    let client = reqwest::Client::new();
    for _ in 0..20 {
        let request =
            client.get(format!("{url}{EVENTS}")).bearer_auth(token(&claims(Uuid::new_v4())));
        assert_eq!(
            request.header("x-request-id", key()).send().await.unwrap().status(),
            StatusCode::OK
        );
    }
    app.stack.stop().await.unwrap();
}
