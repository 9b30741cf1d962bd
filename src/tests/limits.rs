//! How often somebody may call, on one server and on several, with Redis and without.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use super::app::{self, Got, LimitSetup, Setup, TestApp, claims, key, token};
use crate::api::limits::WhenLimitsUnreachable;
use crate::clock;

const EVENTS: &str = "/api/v1/events";

/// A server that counts everybody and believes one proxy, so that a test can come from anywhere.
fn counting(limits: LimitSetup) -> Setup {
    Setup { limits: LimitSetup { exempt: &[], trusted_proxies: 1, ..limits }, ..Setup::default() }
}

fn get(url: &str, path: &str, from: &str) -> RequestBuilder {
    reqwest::Client::new().get(format!("{url}{path}")).header("x-forwarded-for", from)
}

async fn status(request: RequestBuilder) -> StatusCode {
    request.send().await.unwrap().status()
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

#[tokio::test]
async fn of_many_requests_at_once_exactly_the_limit_passes_over_all_servers() {
    let mut app = TestApp::start(counting(LimitSetup { usual: 20, ..LimitSetup::default() })).await;
    let other = app.another_server().await;
    let urls = [app.url.clone(), other];
    let answers =
        join_all((0..60).map(|n| status(get(&urls[n % 2], EVENTS, "198.51.100.1")))).await;
    let count = |status| answers.iter().filter(|answer| **answer == status).count();
    assert_eq!((count(StatusCode::OK), count(StatusCode::TOO_MANY_REQUESTS)), (20, 40));
    // Who comes from elsewhere has an allowance of their own.
    for url in &urls {
        assert_eq!(status(get(url, EVENTS, "198.51.100.2")).await, StatusCode::OK);
    }
}

#[tokio::test]
async fn every_counted_answer_says_what_is_left_and_the_refusal_when_to_come_back() {
    let app = TestApp::start(counting(LimitSetup { usual: 2, ..LimitSetup::default() })).await;
    let first = get(&app.url, EVENTS, "198.51.100.1").send().await.unwrap();
    assert_eq!(header(&first, "ratelimit-policy"), Some("\"address\";q=2;w=900"));
    assert_eq!(header(&first, "ratelimit"), Some("\"address\";r=1;t=900"));
    // A refusal is counted and told, too.
    let missing = format!("{EVENTS}/{}", Uuid::new_v4());
    let second = get(&app.url, &missing, "198.51.100.1").send().await.unwrap();
    assert_eq!(second.status(), StatusCode::NOT_FOUND);
    assert!(header(&second, "ratelimit").unwrap().starts_with("\"address\";r=0;t="));
    let third = get(&app.url, EVENTS, "198.51.100.1").send().await.unwrap();
    assert_eq!(third.status(), StatusCode::TOO_MANY_REQUESTS);
    let wait: u64 = header(&third, "retry-after").unwrap().parse().unwrap();
    assert!((880..=900).contains(&wait), "{wait}");
    assert_eq!(header(&third, "ratelimit"), Some(format!("\"address\";r=0;t={wait}").as_str()));
    let body: Value = third.json().await.unwrap();
    assert_eq!(
        (&body["success"], &body["errors"][0]["field"]),
        (&json!(false), &json!("rate_limit"))
    );
    for free in ["/health/live", "/health/ready", "/metrics", "/nothing"] {
        let got = get(&app.url, free, "198.51.100.1").send().await.unwrap();
        assert_ne!(got.status(), StatusCode::TOO_MANY_REQUESTS, "{free}");
        assert_eq!(header(&got, "ratelimit"), None, "{free}");
    }
}

#[tokio::test]
async fn a_user_is_counted_wherever_they_come_from_and_a_token_that_does_not_hold_as_its_address() {
    let app = TestApp::start(counting(LimitSetup { usual: 3, ..LimitSetup::default() })).await;
    let user = token(&claims(Uuid::new_v4()));
    let from = |n: u8, token: &str| {
        get(&app.url, "/api/v1/bookings", &format!("198.51.100.{n}")).bearer_auth(token)
    };
    let first = from(1, &user).send().await.unwrap();
    assert_eq!(header(&first, "ratelimit"), Some("\"user\";r=2;t=900, \"address\";r=2;t=900"));
    assert_eq!(status(from(2, &user)).await, StatusCode::OK);
    assert_eq!(status(from(3, &user)).await, StatusCode::OK);
    assert_eq!(status(from(4, &user)).await, StatusCode::TOO_MANY_REQUESTS);
    // What was refused for the user's sake cost the address nothing.
    let other = token(&claims(Uuid::new_v4()));
    for expected in [StatusCode::OK, StatusCode::OK, StatusCode::OK, StatusCode::TOO_MANY_REQUESTS]
    {
        let fresh =
            if expected == StatusCode::OK { token(&claims(Uuid::new_v4())) } else { other.clone() };
        assert_eq!(status(from(4, &fresh)).await, expected);
    }
    for expected in [401, 401, 401, 429] {
        assert_eq!(status(from(5, "rubbish")).await.as_u16(), expected);
    }
}

#[tokio::test]
async fn the_window_slides() {
    let window = Duration::from_secs(2);
    let limits = LimitSetup { usual: 2, window, ..LimitSetup::default() };
    let app = TestApp::start(counting(limits)).await;
    let ask = async || status(get(&app.url, EVENTS, "198.51.100.1")).await;
    let first_at = clock::monotonic();
    assert_eq!(ask().await, StatusCode::OK);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let second_before = clock::monotonic();
    assert_eq!(ask().await, StatusCode::OK);
    // There is room again when the first has left the window, and not sooner, and then for one only: a window that
    // began anew would have room for two.
    loop {
        let asked_at = clock::monotonic();
        if ask().await == StatusCode::OK {
            assert!(first_at.elapsed() + Duration::from_millis(100) >= window, "too soon");
            break;
        }
        assert!(asked_at < first_at + 3 * window, "no room after three windows");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let next = ask().await;
    if second_before.elapsed() < window {
        assert_eq!(next, StatusCode::TOO_MANY_REQUESTS);
    }
}

/// A login from an address, at one of several servers.
async fn login(url: &str, from: &str, email: &str, password: &str) -> Got {
    let request = reqwest::Client::new().post(format!("{url}/api/v1/auth/login"));
    let request = request.header("x-forwarded-for", from);
    app::got(request.json(&json!({"email": email, "password": password})).send().await.unwrap())
        .await
}

const WRONG: &str = "not the right password";

#[tokio::test]
async fn who_guesses_a_password_is_slowed_by_network_and_its_owner_elsewhere_is_not() {
    let limits = LimitSetup { credentials: 3, ..LimitSetup::default() };
    let app = TestApp::start(counting(limits)).await;
    let owner = json!({"email": "ada@example.org", "password": "correct horse battery"});
    let register = app.call(Method::POST, "/api/v1/auth/register").json(&owner);
    assert_eq!(register.header("x-forwarded-for", "203.0.113.9").send().await.status, 202);
    // The addresses of an IPv4 /24, and of an IPv6 /64, are one network; each network has a count of its own. Nobody has
    // the second account, and it makes no difference.
    let guesses = [
        ("ada@example.org", "198.51.100.1"),
        ("ada@example.org", "198.51.101.1"),
        ("nobody@example.org", "198.51.100.2"),
        ("ada@example.org", "2001:db8:0:1::"),
        ("ada@example.org", "2001:db8:0:2::"),
    ];
    for (email, network) in guesses {
        for (n, expected) in [(1, 401), (2, 401), (3, 401), (4, 429)] {
            let got = login(&app.url, &format!("{network}{n}"), email, WRONG).await;
            assert_eq!(got.status, expected, "{email} from {network}{n}: {}", got.body);
            assert!(expected != 429 || got.reason() == "rate_limit", "{}", got.body);
        }
    }
    let owner =
        async |from| login(&app.url, from, "ada@example.org", "correct horse battery").await;
    assert_eq!(owner("203.0.113.9").await.status, StatusCode::OK);
    assert_eq!(owner("2001:db8:0:3::9").await.status, StatusCode::OK);
    // Who shares the guesser's network shares its wait.
    assert_eq!(owner("198.51.100.99").await.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn who_tries_many_accounts_is_slowed_by_address_and_by_network() {
    let limits = LimitSetup { credentials: 3, ..LimitSetup::default() };
    let app = TestApp::start(counting(limits)).await;
    let login = async |from: &str, n: u8| {
        login(&app.url, from, &format!("bob{n}@example.org"), WRONG).await.status.as_u16()
    };
    for (n, expected) in [(1, 401), (2, 401), (3, 401), (4, 429)] {
        assert_eq!(login("203.0.113.1", n).await, expected, "{n}");
    }
    // Ten addresses' worth is what a whole network has; 203.0.113.1 had the first three.
    for n in 3..30 {
        assert_eq!(login(&format!("203.0.113.{n}"), n).await, 401, "{n}");
    }
    assert_eq!(login("203.0.113.40", 40).await, 429);
    assert_eq!(login("203.0.114.40", 40).await, 401);
    // The usual allowance is another.
    assert_eq!(status(get(&app.url, EVENTS, "203.0.113.1")).await, StatusCode::OK);
}

#[tokio::test]
async fn of_many_guesses_at_once_no_more_than_the_limit_are_tried_over_all_servers() {
    let limits = LimitSetup { credentials: 3, ..LimitSetup::default() };
    let mut app = TestApp::start(counting(limits)).await;
    let urls = [app.url.clone(), app.another_server().await];
    let from = |n: usize| format!("198.51.100.{n}");
    let guess = async |n: usize| {
        login(&urls[n % 2], &from(n), "ada@example.org", WRONG).await.status.as_u16()
    };
    let answers = join_all((0..20).map(guess)).await;
    let count = |status| answers.iter().filter(|answer| **answer == status).count();
    assert_eq!((count(401), count(429)), (3, 17));
}

#[tokio::test]
async fn who_is_exempt_is_not_counted_and_nobody_gets_there_by_a_header() {
    let limits =
        LimitSetup { usual: 1, credentials: 1, exempt: &["10.0.0.0/8"], ..LimitSetup::default() };
    let app = TestApp::start(Setup { limits, ..Setup::default() }).await;
    // No proxy is trusted: the peer counts, which is 127.0.0.1, whatever it says.
    assert_eq!(status(get(&app.url, EVENTS, "10.1.2.3")).await, StatusCode::OK);
    assert_eq!(status(get(&app.url, EVENTS, "10.1.2.3")).await, StatusCode::TOO_MANY_REQUESTS);
    let limits = LimitSetup { usual: 1, credentials: 1, ..LimitSetup::default() };
    let app = TestApp::start(Setup { limits, ..Setup::default() }).await;
    for _ in 0..5 {
        let got = get(&app.url, EVENTS, "198.51.100.1").send().await.unwrap();
        assert_eq!((got.status(), header(&got, "ratelimit")), (StatusCode::OK, None));
    }
}

#[tokio::test]
async fn without_redis_logins_reads_and_bookings_go_on_uncounted() {
    let app = TestApp::start(counting(LimitSetup { usual: 4, ..LimitSetup::default() })).await;
    app.stack.kill("redis-1").await.unwrap();
    let user = Uuid::new_v4();
    for seat in &app.seats[..6] {
        let held = app.held(user, &[*seat]).await;
        assert_eq!(app.confirm(user, &key(), held.id).await.status, StatusCode::CREATED);
        assert_eq!(app.get(EVENTS, None).await.status, StatusCode::OK);
    }
    let body = json!({"email": "ada@example.org", "password": "correct horse battery"}).to_string();
    let register = (Method::POST, "/api/v1/auth/register");
    assert_eq!(
        app.send(register, None, None, Some(body.clone())).await.status,
        StatusCode::ACCEPTED
    );
    let login = (Method::POST, "/api/v1/auth/login");
    assert_eq!(app.send(login, None, None, Some(body)).await.status, StatusCode::OK);
    app.clean_audit().await;
}

#[tokio::test]
async fn without_redis_everything_counted_is_refused_where_the_setting_says_so() {
    let refuse =
        LimitSetup { when_unreachable: WhenLimitsUnreachable::Refuse, ..LimitSetup::default() };
    let app = TestApp::start(counting(refuse)).await;
    assert_eq!(app.get(EVENTS, None).await.status, StatusCode::OK);
    app.stack.kill("redis-1").await.unwrap();
    let refused = app.get(EVENTS, None).await;
    assert_eq!(
        (refused.status, refused.retry_after.as_deref()),
        (StatusCode::SERVICE_UNAVAILABLE, Some("1"))
    );
    assert_eq!(app.get("/health/live", None).await.status, StatusCode::OK);
    app.stack.restart("redis-1").await.unwrap();
    let deadline = clock::monotonic() + Duration::from_secs(10);
    while app.get(EVENTS, None).await.status != StatusCode::OK {
        assert!(clock::monotonic() < deadline, "still refused ten seconds after Redis came back");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
