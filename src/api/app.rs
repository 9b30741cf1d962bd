//! What every handler shares, and work that outlives the request that asked for it.

use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use jsonwebtoken::DecodingKey;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use super::error::ApiError;
use super::limits::Limits;
use super::security_headers::SecurityHeaders;
use crate::accounts::Accounts;
use crate::booking::Context;
use crate::domain::HoldTtl;
use crate::locks::Node;
use crate::metrics::Calls;

/// What every handler shares. One count to clone, which happens for every layer of every request.
#[derive(Clone)]
pub struct App(Arc<Shared>);

impl App {
    /// Shares it.
    pub fn new(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }

    /// Runs work to completion even when its client goes away: a saga is not to be dropped halfway because somebody closed
    /// a browser. Shutdown waits for it.
    ///
    /// # Errors
    /// [`ApiError::Internal`] when the work panics.
    pub async fn run_to_completion<F>(&self, work: F) -> Result<F::Output, ApiError>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let done = self.work.spawn(Calls::hand_on(work).in_current_span()).await;
        done.map_err(|error| ApiError::Internal(error.to_string()))
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
    /// What the use cases work with.
    pub context: Arc<Context>,
    /// Name of the booking strategy, for readiness.
    pub strategy: &'static str,
    /// Registers users and signs them in.
    pub accounts: Accounts,
    /// How often somebody may call.
    pub limits: Limits,
    /// What browsers are told beyond what always holds.
    pub security_headers: SecurityHeaders,
    /// The Redis nodes, for readiness.
    pub nodes: Arc<[Node]>,
    /// Verifies access tokens.
    pub token_key: DecodingKey,
    /// Hold time where the request names none, and the longest that one may name.
    pub hold_ttl: HoldTtl,
    /// The API's description as JSON, with this server's own bounds.
    pub description: Bytes,
    /// How long a request may take before it is answered with 503.
    pub request_timeout: Duration,
    /// Whether answers say what they took of each dependency.
    pub server_timing: bool,
    /// Work that goes on when its client has gone.
    pub work: TaskTracker,
    /// What was counted.
    pub metrics: PrometheusHandle,
}
