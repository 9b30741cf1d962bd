//! Is it alive, is it ready, what has it counted.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::future::join_all;
use serde::Serialize;
use utoipa::ToSchema;

use super::app::App;
use crate::storage::StorageError;

/// Say that the process answers at all.
#[utoipa::path(get, path = "/health/live", operation_id = "check_liveness", tag = "operations",
    responses((status = 200, description = "It does", body = String, content_type = "text/plain")))]
pub async fn live() -> &'static str {
    "live"
}

/// What a server can do right now.
#[derive(Serialize, ToSchema)]
pub struct Readiness {
    /// Bookings can be taken.
    ready: bool,
    /// Why not, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// How claims on seats are serialised.
    strategy: &'static str,
    /// `up` or `down`; without it nothing can be sold.
    postgres: &'static str,
    /// Each node, `up` or `down`; they may be away.
    redis: BTreeMap<String, &'static str>,
    /// The payment provider, `up` or `down`; it may be away.
    payments: &'static str,
}

/// What is said while PostgreSQL gives no answer.
const AWAY: &str = "PostgreSQL does not answer";
/// How long the payment provider may take to answer a probe.
const PROVIDER_WITHIN: Duration = Duration::from_secs(1);

/// Say whether bookings can be taken.
///
/// The same as `/health/ready`.
#[utoipa::path(get, path = "/health", operation_id = "check_health", tag = "operations", responses(
    (status = 200, description = "They can", body = Readiness), (status = 503, description = "They can't", body = Readiness)))]
pub async fn overall(state: State<App>) -> Response {
    ready(state).await
}

/// Say whether bookings can be taken.
///
/// That needs PostgreSQL, and in it the index that keeps a seat from being sold twice. Redis and the payment provider are
/// reported and may be away: without the provider seats are still held, and a payment under way is finished by recovery. All servers have the same
/// provider, so its outage must not take all of them out of service.
#[utoipa::path(get, path = "/health/ready", operation_id = "check_readiness", tag = "operations", responses(
    (status = 200, description = "They can", body = Readiness), (status = 503, description = "They can't", body = Readiness)))]
pub async fn ready(State(app): State<App>) -> Response {
    let redis = join_all(
        app.nodes
            .iter()
            .map(async |node| (node.name().to_owned(), up_or_down(node.ping().await.is_ok()))),
    );
    let provider = tokio::time::timeout(PROVIDER_WITHIN, app.context.provider.is_reachable());
    let (postgres, redis, provider) = tokio::join!(app.context.storage.ping(), redis, provider);
    let postgres = postgres.is_ok();
    let reason = if postgres { reason_against(&app).await } else { Some(AWAY.to_owned()) };
    let ready = reason.is_none();
    let body = Readiness {
        ready,
        reason,
        strategy: app.strategy,
        postgres: up_or_down(postgres),
        redis: redis.into_iter().collect(),
        payments: up_or_down(provider.unwrap_or(false)),
    };
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, axum::Json(body)).into_response()
}

/// Why a server whose database is up can't sell, if it can't.
async fn reason_against(app: &App) -> Option<String> {
    match app.context.guard.look(&app.context.storage).await {
        Ok(true) => None,
        Ok(false) => Some(StorageError::Unguarded.to_string()),
        Err(error) => {
            tracing::warn!(%error, "nobody knows whether the guard index stands");
            Some(AWAY.to_owned())
        }
    }
}

fn up_or_down(up: bool) -> &'static str {
    if up { "up" } else { "down" }
}

/// Say what was counted, as Prometheus reads it.
#[utoipa::path(get, path = "/metrics", operation_id = "read_metrics", tag = "operations",
    responses((status = 200, description = "Text format 0.0.4", body = String, content_type = "text/plain")))]
pub async fn metrics(State(app): State<App>) -> Response {
    app.context.storage.gauge_pool();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], app.metrics.render()).into_response()
}
