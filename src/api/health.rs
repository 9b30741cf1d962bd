//! Is it alive, is it ready, what has it counted.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::future::join_all;
use serde::Serialize;
use utoipa::ToSchema;

use super::App;

/// Say that the process answers at all.
#[utoipa::path(get, path = "/health/live", tag = "operations",
    responses((status = 200, description = "It does", body = String, content_type = "text/plain")))]
pub async fn live() -> &'static str {
    "live"
}

/// What a server can do right now.
#[derive(Serialize, ToSchema)]
pub struct Readiness {
    /// Bookings can be taken.
    ready: bool,
    /// How claims on seats are serialised.
    strategy: &'static str,
    /// `up` or `down`; without it nothing can be sold.
    postgres: &'static str,
    /// Each node, `up` or `down`; they may be away.
    redis: BTreeMap<String, &'static str>,
}

/// Say whether bookings can be taken, as `/health/ready` does.
#[utoipa::path(get, path = "/health", tag = "operations", responses(
    (status = 200, description = "They can", body = Readiness), (status = 503, description = "They can't", body = Readiness)))]
pub async fn overall(state: State<App>) -> Response {
    ready(state).await
}

/// Say whether bookings can be taken, which needs PostgreSQL. Redis is reported and may be away.
#[utoipa::path(get, path = "/health/ready", tag = "operations", responses(
    (status = 200, description = "They can", body = Readiness), (status = 503, description = "They can't", body = Readiness)))]
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
        redis: redis.await.into_iter().collect(),
    };
    let status = if postgres { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, axum::Json(body)).into_response()
}

fn word(up: bool) -> &'static str {
    if up { "up" } else { "down" }
}

/// Say what was counted, as Prometheus reads it.
#[utoipa::path(get, path = "/metrics", tag = "operations",
    responses((status = 200, description = "Text format 0.0.4", body = String, content_type = "text/plain")))]
pub async fn metrics(State(app): State<App>) -> Response {
    app.desk.storage.gauge_pool();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], app.metrics.render()).into_response()
}
