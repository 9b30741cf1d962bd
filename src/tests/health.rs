//! What `/health/ready` says of each dependency while it is up, away and back.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::app::{Setup, TestApp, value};
use crate::clock;

async fn readiness(app: &TestApp) -> (StatusCode, Value) {
    let got = app.get("/health/ready", None).await;
    (got.status, value(&got.body))
}

/// Asks until the answer has this at the pointer.
async fn until(app: &TestApp, pointer: &str, word: &str) -> (StatusCode, Value) {
    let began = clock::monotonic();
    loop {
        let (status, body) = readiness(app).await;
        if body.pointer(pointer) == Some(&json!(word)) {
            return (status, body);
        }
        assert!(began.elapsed() < Duration::from_secs(15), "{pointer} is never {word}: {body}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_redis_node_is_up_then_down_then_up_again_and_the_server_stays_ready() {
    let app = TestApp::start(Setup { redis_nodes: 3, ..Setup::default() }).await;
    let up = json!({"redis-1": "up", "redis-2": "up", "redis-3": "up"});
    let (status, body) = readiness(&app).await;
    assert_eq!((status, &body["redis"]), (StatusCode::OK, &up));
    app.stack.kill("redis-2").await.unwrap();
    let (status, body) = until(&app, "/redis/redis-2", "down").await;
    let one_down = json!({"redis-1": "up", "redis-2": "down", "redis-3": "up"});
    assert_eq!((status, &body["redis"], &body["ready"]), (StatusCode::OK, &one_down, &json!(true)));
    app.stack.restart("redis-2").await.unwrap();
    let (status, body) = until(&app, "/redis/redis-2", "up").await;
    assert_eq!((status, &body["redis"]), (StatusCode::OK, &up));
}

#[tokio::test]
async fn a_payment_provider_that_is_away_is_reported_and_takes_no_server_out_of_service() {
    let mut app = TestApp::start(Setup::default()).await;
    let (status, body) = readiness(&app).await;
    assert_eq!((status, &body["payments"]), (StatusCode::OK, &json!("up")));
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    app.url = app.process(&[("PAYMENTS_URL", &url)]).await;
    let (status, body) = readiness(&app).await;
    assert_eq!((status, &body["payments"]), (StatusCode::OK, &json!("down")));
    assert_eq!(body["ready"], json!(true));
}

#[tokio::test]
async fn a_payment_provider_that_is_stuck_keeps_no_probe_waiting() {
    let mut app = TestApp::start(Setup::default()).await;
    // It accepts, in its backlog, and never answers.
    let stuck = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", stuck.local_addr().unwrap());
    app.url = app.process(&[("PAYMENTS_URL", &url)]).await;
    let began = clock::monotonic();
    let (status, body) = readiness(&app).await;
    assert_eq!((status, &body["payments"]), (StatusCode::OK, &json!("down")));
    assert!(began.elapsed() < Duration::from_secs(3), "it took {:?}", began.elapsed());
}
