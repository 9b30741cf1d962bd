//! What browsers are told: who may read answers from another site, and what they must not do with them.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use tower_http::cors::{AllowOrigin, Any, CorsLayer};

use crate::wire;

/// How long a browser may remember what it was allowed.
const PREFLIGHT_LIFE: Duration = Duration::from_mins(10);
/// Every site.
const ANY_ORIGIN: &str = "*";

/// In every answer that does not say otherwise itself.
const ALWAYS: [(HeaderName, HeaderValue); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    ),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

/// What browsers are told beyond what always holds.
#[derive(Debug, Clone, Default)]
pub struct SecurityHeaders {
    /// Sites whose pages may use this API, as `https://example.org`; or `*` alone.
    pub cors_origins: Vec<HeaderValue>,
    /// How long to use nothing but HTTPS.
    pub https_only_for: Option<Duration>,
}

impl SecurityHeaders {
    /// The value of `Strict-Transport-Security`, where there is to be one.
    pub fn https_only(&self) -> Option<HeaderValue> {
        let seconds = self.https_only_for?.as_secs();
        HeaderValue::from_str(&format!("max-age={seconds}")).ok()
    }
}

/// Lets pages of these sites use the API. Without any, browsers keep all of them out.
pub fn cors(origins: &[HeaderValue]) -> Option<CorsLayer> {
    let origins = match origins {
        [] => return None,
        [any] if any == ANY_ORIGIN => AllowOrigin::from(Any),
        origins => AllowOrigin::list(origins.to_vec()),
    };
    let exposed = [
        header::ETAG,
        header::RETRY_AFTER,
        HeaderName::from_static(wire::REQUEST_ID),
        HeaderName::from_static("ratelimit"),
        HeaderName::from_static("ratelimit-policy"),
        HeaderName::from_static(wire::IDEMPOTENT_REPLAYED),
    ];
    let allowed = [
        header::AUTHORIZATION,
        header::CONTENT_TYPE,
        header::IF_MATCH,
        HeaderName::from_static(wire::REQUEST_ID),
        HeaderName::from_static(wire::IDEMPOTENCY_KEY),
    ];
    let cors = CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers(allowed)
        .expose_headers(exposed)
        .max_age(PREFLIGHT_LIFE);
    Some(cors)
}

/// Tells browsers not to guess, frame, refer, run or keep anything.
pub async fn protect(
    State(https_only): State<Option<HeaderValue>>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.entry(name).or_insert(value);
    }
    if let Some(value) = https_only {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, value);
    }
    response
}
