//! Is it alive, is it ready, what has it counted.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::future::join_all;
use serde::Serialize;

use super::App;

/// `GET /health/live`: 200 while the process answers at all.
pub async fn live() -> &'static str {
    "live"
}

#[derive(Serialize)]
struct Readiness {
    ready: bool,
    strategy: &'static str,
    postgres: &'static str,
    redis: Vec<(String, &'static str)>,
}

/// `GET /health/ready`: 200 when bookings can be taken, which needs PostgreSQL; 503 otherwise. Redis is reported and may
/// be away.
pub async fn ready(State(app): State<App>) -> Response {
    let postgres = app.desk.storage.ping().await.is_ok();
    let redis = join_all(
        app.nodes
            .iter()
            .map(async |node| (node.name().to_owned(), word(node.ping().await.is_ok()))),
    );
    let body = Readiness {
        ready: postgres,
        strategy: app.desk.strategy.name(),
        postgres: word(postgres),
        redis: redis.await,
    };
    let status = if postgres { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, axum::Json(body)).into_response()
}

fn word(up: bool) -> &'static str {
    if up { "up" } else { "down" }
}

/// `GET /metrics`: Prometheus text.
pub async fn metrics(State(app): State<App>) -> Response {
    let (size, idle) = app.desk.storage.pool_size();
    metrics::gauge!("ticketctl_pool_connections").set(f64::from(size));
    metrics::gauge!("ticketctl_pool_connections_idle")
        .set(f64::from(u32::try_from(idle).unwrap_or(u32::MAX)));
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], app.metrics.render()).into_response()
}
