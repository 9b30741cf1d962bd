//! HTTP: routes, who may call them, and how answers and errors look. Decides nothing; `booking` does.

/// Every route, and who may call it.
pub mod routes;
/// Who calls, and whether the route is open to them.
pub mod guard;
/// How often somebody may call.
pub mod limits;
/// How refusals look from outside.
pub mod refusals;
/// Errors and their status codes.
pub mod error;
/// What parsers complain of, in plain words.
pub mod wording;
/// Bodies under an idempotency key.
pub mod extract;
/// Queries and bodies without one.
pub mod query;
/// Where the next page begins.
pub mod cursor;
/// Versions and who may overwrite them.
pub mod etag;
/// How answers look.
pub mod render;
/// Registering and logging in.
pub mod accounts;
/// Finding, reading and preparing events.
pub mod events;
/// Holding seats and giving them up.
pub mod reservations;
/// Paying for them, reading what was bought, giving it back.
pub mod bookings;
/// Tickets, and the door.
pub mod tickets;
/// What became of a key.
pub mod idempotency;
/// Is it alive, is it ready, what has it counted.
pub mod health;
/// The API described by itself.
pub mod openapi;
/// What surrounds every request.
pub mod layers;
/// Connections and their bounds.
pub mod listen;

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use jsonwebtoken::DecodingKey;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio_util::task::TaskTracker;

use layers::browsers::Browsers;
use limits::Limits;

use crate::accounts::Accounts;
use crate::booking::Context;
use crate::domain::HoldTtl;
use crate::locks::Node;

/// Largest request body, in bytes.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

/// What every handler shares. One count to clone, which happens for every layer of every request.
#[derive(Clone)]
pub struct App(Arc<Shared>);

impl App {
    /// Shares it.
    pub fn new(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }
}

impl Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// What there is to share.
pub struct Shared {
    /// The use cases' tools.
    pub context: Arc<Context>,
    /// Name of the booking strategy, for readiness.
    pub strategy: &'static str,
    /// Who may sign in.
    pub accounts: Accounts,
    /// How often somebody may call.
    pub limits: Limits,
    /// What browsers are told.
    pub browsers: Browsers,
    /// The Redis nodes, for readiness.
    pub nodes: Arc<[Node]>,
    /// Verifies access tokens.
    pub token_key: DecodingKey,
    /// Hold time where the request names none.
    pub hold_ttl: HoldTtl,
    /// How long a request may take before it is answered with 503.
    pub request_timeout: Duration,
    /// Work that goes on when its client has gone.
    pub work: TaskTracker,
    /// What was counted.
    pub metrics: PrometheusHandle,
}

/// The whole server: every route, and what surrounds it.
pub fn router(app: App) -> Router {
    let routes = routes::router(&app)
        .fallback(error::no_such_route)
        .method_not_allowed_fallback(error::method_not_allowed)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX));
    layers::around(routes, &app).with_state(app)
}
