//! HTTP: routes, who may call them, and how answers and errors look. Decides nothing; `booking` does.

/// Errors and their status codes.
pub mod error;
/// Who calls, with which key.
pub mod extract;
/// How answers look.
pub mod render;
/// Reads of events, seats and availability.
pub mod events;
/// Holding seats and giving them up.
pub mod reservations;
/// Paying for them.
pub mod bookings;
/// What became of a key.
pub mod idempotency;
/// Is it alive, is it ready, what has it counted.
pub mod health;
/// What surrounds every request.
pub mod layers;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{delete, get, post};
use jsonwebtoken::DecodingKey;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio_util::task::TaskTracker;

use crate::booking::Desk;
use crate::domain::HoldTtl;
use crate::locks::Node;

/// Largest request body, in bytes.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

/// What every handler shares.
#[derive(Clone)]
pub struct App {
    /// The use cases' tools.
    pub desk: Arc<Desk>,
    /// The Redis nodes, for readiness.
    pub nodes: Arc<[Node]>,
    /// Verifies access tokens.
    pub token_key: Arc<DecodingKey>,
    /// Hold time where the request names none.
    pub hold_ttl: HoldTtl,
    /// How long a request may take before it is answered with 503.
    pub request_timeout: Duration,
    /// Work that goes on when its client has gone.
    pub work: TaskTracker,
    /// What was counted.
    pub metrics: PrometheusHandle,
}

/// Every route.
pub fn router(app: App) -> Router {
    let v1 = Router::new()
        .route("/events", get(events::list))
        .route("/events/{id}", get(events::show))
        .route("/events/{id}/seats", get(events::seats))
        .route("/events/{id}/availability", get(events::availability))
        .route("/reservations", post(reservations::create))
        .route("/reservations/{id}", get(reservations::show))
        .route("/reservations/{id}", delete(reservations::cancel))
        .route("/bookings/confirm", post(bookings::confirm))
        .route("/bookings/{id}", get(bookings::show))
        .route("/bookings/reference/{reference}", get(bookings::show_by_reference))
        .route("/idempotency/{key}", get(idempotency::show))
        .fallback(error::no_such_route);
    let routes = Router::new()
        .nest("/api/v1", v1)
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/metrics", get(health::metrics))
        .fallback(error::no_such_route)
        .method_not_allowed_fallback(error::method_not_allowed)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX));
    layers::around(routes, &app).with_state(app)
}
