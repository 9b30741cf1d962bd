//! What a server counts: the metrics that a process of its own exposes, and that each says what it means.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::json;
use uuid::Uuid;

use super::app::{Setup, TestApp, key};
use super::sources::rust_files;
use crate::clock;
use crate::harness::exposition::{self, Sample};
use crate::metrics::METRICS;
use crate::wire::server_timing::{self, SERVER_TIMING};

/// How long a condition may take to come true.
const SOON: Duration = Duration::from_secs(20);

/// A test's app whose requests go to a server process of its own.
async fn start(setup: Setup, env: &[(&str, &str)]) -> TestApp {
    let mut app = TestApp::start(setup).await;
    app.url = app.process(env).await;
    app
}

async fn exposed(app: &TestApp) -> String {
    let got = app.get("/metrics", None).await;
    assert_eq!(got.status, StatusCode::OK);
    assert_eq!(got.headers["content-type"], "text/plain; version=0.0.4");
    got.body
}

/// The sum of the samples with this name and these labels, whatever their other labels are.
async fn metric(app: &TestApp, name: &str, labels: &[(&str, &str)]) -> f64 {
    let samples = exposition::parse(&exposed(app).await).unwrap();
    let is_meant = |sample: &&Sample| {
        let has =
            |(name, value): &(&str, &str)| sample.labels.get(*name).is_some_and(|v| v == value);
        sample.name == name && labels.iter().all(has)
    };
    samples.iter().filter(is_meant).map(|sample| sample.value).sum()
}

#[track_caller]
fn assert_counts(metric: f64, count: u32, name: &str) {
    assert!((metric - f64::from(count)).abs() < 0.5, "{name} is {metric}, not {count}");
}

async fn until_at_least(app: &TestApp, name: &str, labels: &[(&str, &str)], count: f64) {
    let began = clock::monotonic();
    while metric(app, name, labels).await < count {
        assert!(began.elapsed() < SOON, "{name} {labels:?} stays below {count}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The series' name without what Prometheus adds to it for a histogram.
fn base(name: &str) -> &str {
    ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name)
}

#[tokio::test]
async fn every_series_of_a_server_says_what_it_is() {
    let app = start(Setup::default(), &[("EXPIRE_EVERY", "50ms")]).await;
    let user = Uuid::new_v4();
    let held = app.held(user, &app.seats[..1]).await;
    app.confirm(user, &key(), held.id).await;
    let held = app.held(user, &app.seats[1..2]).await;
    app.cancel(user, held.id).await;
    app.availability().await;
    until_at_least(&app, "ticketctl_job_rounds_total", &[("job", "expire-holds")], 1.0).await;
    let text = exposed(&app).await;
    let said = |what: &str| -> BTreeSet<String> {
        let lines = text.lines().filter_map(|line| line.strip_prefix(what));
        lines.map(|rest| rest.split(' ').next().unwrap().to_owned()).collect()
    };
    let (meanings, kinds) = (said("# HELP "), said("# TYPE "));
    let samples = exposition::parse(&text).unwrap();
    assert!(samples.len() > 50, "{text}");
    for Sample { name, .. } in &samples {
        assert!(meanings.contains(base(name)), "{name} has no HELP");
        assert!(kinds.contains(base(name)), "{name} has no TYPE");
    }
}

#[tokio::test]
async fn an_answer_says_what_it_took_of_whom_where_the_setting_says_so() {
    let quiet = TestApp::start(Setup::default()).await;
    let held = quiet.hold(Uuid::new_v4(), &key(), &quiet.seats[..1], 60).await;
    assert!(!held.headers.contains_key(SERVER_TIMING), "strangers are told nothing");
    let app = TestApp::start(Setup { server_timing: true, ..Setup::default() }).await;
    let held = app.hold(Uuid::new_v4(), &key(), &app.seats[..1], 60).await;
    let told = server_timing::read(held.headers[SERVER_TIMING].to_str().unwrap());
    let names: Vec<&str> = told.keys().map(String::as_str).collect();
    assert_eq!(names, ["postgresql", "redis-1"], "{told:?}");
    assert!(told.values().all(|timing| timing.us > 0 && timing.failed == 0), "{told:?}");
    app.stack.pause("redis-1").await.unwrap();
    let held = app.hold(Uuid::new_v4(), &key(), &app.seats[1..2], 60).await;
    assert_eq!(held.status, StatusCode::CREATED);
    let told = server_timing::read(held.headers[SERVER_TIMING].to_str().unwrap());
    assert!(told["redis-1"].failed > 0 && told["redis-1"].us > 100_000, "{told:?}");
    app.stack.resume("redis-1").await.unwrap();
}

#[tokio::test]
async fn words_that_clients_make_up_are_no_series_of_their_own() {
    let app = start(Setup::default(), &[]).await;
    for n in 0..3 {
        let method = Method::from_bytes(format!("MADE-UP-{n}").as_bytes()).unwrap();
        let got = app.call(method, &format!("/nowhere/{n}")).send().await;
        assert_eq!(got.status, StatusCode::NOT_FOUND);
    }
    let labels = [("method", "other"), ("route", "none"), ("status", "404")];
    let name = "ticketctl_http_requests_total";
    assert_counts(metric(&app, name, &labels).await, 3, name);
    let text = exposed(&app).await;
    assert!(!text.contains("MADE-UP") && !text.contains("nowhere"), "{text}");
}

/// Every name that a macro of the crate `metrics` is given.
fn counted_in_the_source() -> BTreeSet<String> {
    let source = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"));
    let files =
        rust_files(&source).into_iter().filter(|file| !file.starts_with(source.join("tests")));
    let text: String = files.map(|file| fs::read_to_string(file).unwrap()).collect();
    let macros = ["metrics::counter!(", "metrics::gauge!(", "metrics::histogram!("];
    let calls = macros.iter().flat_map(|name| text.split(name).skip(1));
    calls
        .filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn whatever_is_counted_is_described_and_nothing_else_is() {
    let described: BTreeSet<String> = METRICS.iter().map(|metric| metric.name.to_owned()).collect();
    assert_eq!(described.len(), METRICS.len(), "a metric is described twice");
    assert_eq!(counted_in_the_source(), described);
    for name in &described {
        assert!(name.starts_with("ticketctl_"), "{name}");
    }
}

#[tokio::test]
async fn requests_are_counted_by_route_and_status() {
    let app = start(Setup::default(), &[]).await;
    let missing = format!("/api/v1/events/{}", Uuid::new_v4());
    for _ in 0..3 {
        assert_eq!(app.get(&missing, None).await.status, StatusCode::NOT_FOUND);
    }
    let route = ("route", "/api/v1/events/{id}");
    let name = "ticketctl_http_requests_total";
    let labels = [("method", "GET"), route, ("status", "404")];
    assert_counts(metric(&app, name, &labels).await, 3, name);
    let name = "ticketctl_http_request_seconds_count";
    assert_counts(metric(&app, name, &[route]).await, 3, name);
    assert!(!exposed(&app).await.contains(&missing), "a path became a label");
}

#[tokio::test]
async fn holds_bookings_and_refunds_are_counted_once_each() {
    let app = start(Setup::default(), &[("EXPIRE_EVERY", "50ms")]).await;
    let user = Uuid::new_v4();
    let kept = app.held(user, &app.seats[..1]).await;
    let again = key();
    let given_up = app.hold(user, &again, &app.seats[1..2], 60).await;
    assert!(app.hold(user, &again, &app.seats[1..2], 60).await.replayed);
    let given_up: crate::wire::Reservation = given_up.data();
    app.hold(user, &key(), &app.seats[2..3], 1).await;
    let extend = format!("/api/v1/reservations/{}/extend", kept.id);
    let extended = app.call(Method::POST, &extend).user(user).json(&json!({})).send().await;
    assert_eq!(extended.status, StatusCode::OK, "{}", extended.body);
    for _ in 0..2 {
        app.cancel(user, given_up.id).await;
    }
    let confirmed = app.confirm(user, &key(), kept.id).await;
    let booking: crate::wire::Booking = confirmed.data();
    for _ in 0..2 {
        let path = format!("/api/v1/bookings/{}/cancel", booking.id);
        let cancelled = app.call(Method::PATCH, &path).user(user).send().await;
        assert_eq!(cancelled.status, StatusCode::OK, "{}", cancelled.body);
    }
    until_at_least(&app, "ticketctl_holds_expired_total", &[], 1.0).await;
    for (name, labels, count) in [
        ("ticketctl_holds_granted_total", &[][..], 3),
        ("ticketctl_holds_extended_total", &[], 1),
        ("ticketctl_holds_cancelled_total", &[("reason", "given_up")], 1),
        ("ticketctl_holds_expired_total", &[], 1),
        ("ticketctl_bookings_confirmed_total", &[], 1),
        ("ticketctl_bookings_cancelled_total", &[("reason", "given_back")], 1),
        ("ticketctl_payments_refunded_total", &[], 1),
        // The charge and the refund.
        ("ticketctl_dependency_seconds_count", &[("dependency", "payments"), ("outcome", "ok")], 2),
        ("ticketctl_dependency_errors_total", &[("dependency", "payments")], 0),
    ] {
        assert_counts(metric(&app, name, labels).await, count, name);
    }
}

#[tokio::test]
async fn a_pool_used_up_shows_in_its_figures() {
    let app = start(Setup::default(), &[("POOL_SIZE", "1"), ("EXPIRE_EVERY", "1h")]).await;
    let name = "ticketctl_pool_connections_max";
    assert_counts(metric(&app, name, &[]).await, 1, name);
    assert!(metric(&app, "ticketctl_pool_acquire_seconds_count", &[]).await >= 1.0);
    let mut blocker = app.context.storage.connection().await.unwrap();
    for statement in ["begin", "lock table events in access exclusive mode"] {
        sqlx::query(statement).execute(&mut *blocker).await.unwrap();
    }
    let path = format!("/api/v1/events/{}", app.event);
    let asking = futures_util::future::join_all((0..4).map(|_| app.get(&path, None)));
    let used = until_at_least(&app, "ticketctl_pool_connections", &[("state", "used")], 1.0);
    let (answers, ()) = tokio::join!(asking, used);
    // The table is free again after five seconds, when PostgreSQL ends the idle transaction: the last of them may succeed.
    assert!(answers.iter().any(|got| got.status == StatusCode::SERVICE_UNAVAILABLE));
    assert!(metric(&app, "ticketctl_pool_acquire_timeouts_total", &[]).await >= 1.0);
    let failed = metric(&app, "ticketctl_dependency_errors_total", &[("dependency", "postgresql")]);
    assert!(failed.await >= 1.0);
}

#[tokio::test]
async fn leases_and_cache_reads_show_whether_redis_answered() {
    let setup = Setup { strategy: "redlock", ..Setup::default() };
    let app = start(setup, &[("REDLOCK_RETRY_COUNT", "0")]).await;
    let reads = ("cache", "availability");
    for result in ["miss", "hit"] {
        app.availability().await;
        let name = "ticketctl_cache_reads_total";
        assert_counts(metric(&app, name, &[reads, ("result", result)]).await, 1, result);
    }
    let leases = "ticketctl_lock_acquisitions_total";
    app.held(Uuid::new_v4(), &app.seats[..1]).await;
    assert_counts(metric(&app, leases, &[("result", "acquired")]).await, 1, leases);
    let node = ("dependency", "redis-1");
    let name = "ticketctl_dependency_errors_total";
    assert_counts(metric(&app, name, &[node]).await, 0, name);
    app.stack.kill("redis-1").await.unwrap();
    app.availability().await;
    app.held(Uuid::new_v4(), &app.seats[1..2]).await;
    let gone = [reads, ("result", "unreachable")];
    assert_counts(metric(&app, "ticketctl_cache_reads_total", &gone).await, 1, "unreachable reads");
    assert_counts(metric(&app, leases, &[("result", "unreachable")]).await, 1, leases);
    assert!(metric(&app, name, &[node]).await >= 1.0);
    let labels = [node, ("outcome", "ok")];
    assert!(metric(&app, "ticketctl_dependency_seconds_count", &labels).await >= 3.0);
}

#[tokio::test]
async fn jobs_show_their_rounds_failures_and_last_success() {
    let app = start(Setup::default(), &[("EXPIRE_EVERY", "50ms"), ("POOL_SIZE", "2")]).await;
    let job = ("job", "expire-holds");
    let rounds = "ticketctl_job_rounds_total";
    until_at_least(&app, rounds, &[job, ("result", "ok")], 2.0).await;
    assert!(metric(&app, "ticketctl_job_seconds_count", &[job]).await >= 2.0);
    let last = "ticketctl_job_last_success_timestamp_seconds";
    let age = clock::since_epoch().as_secs_f64() - metric(&app, last, &[job]).await;
    assert!((0.0..20.0).contains(&age), "the last success is {age} s ago");
    let labels = [("dependency", "postgresql"), ("outcome", "ok")];
    assert!(metric(&app, "ticketctl_dependency_seconds_count", &labels).await >= 2.0);
    assert_counts(metric(&app, rounds, &[job, ("result", "error")]).await, 0, rounds);
    app.stack.kill("postgres").await.unwrap();
    until_at_least(&app, rounds, &[job, ("result", "error")], 1.0).await;
    let then = metric(&app, last, &[job]).await;
    until_at_least(&app, rounds, &[job, ("result", "error")], 2.0).await;
    let since = metric(&app, last, &[job]).await - then;
    assert!(since.abs() < 0.01, "a failed round passes for a success");
}
