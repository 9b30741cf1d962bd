//! What surrounds every request: an id, a deadline, a log line, a count; headers that browsers obey, and compression. What is
//! no request is told so.

/// Which request a log line is about.
pub mod identity;
/// Whether a request is one.
pub mod message;
/// What an answer took of each dependency.
mod server_timing;

use axum::Router;
use axum::body::HttpBody;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Method, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::Predicate;
use tracing::field;

use super::app::App;
use super::auth::Caller;
use super::error::ApiError;
use super::security_headers;
use crate::clock;

/// Smaller answers fit into one packet anyway.
const COMPRESSED_BYTES_MIN: u64 = 1024;
/// Larger ones would keep a thread busy for too long: they are files, which browsers keep.
const COMPRESSED_BYTES_MAX: u64 = 1024 * 1024;

/// Puts the layers around the routes, the outermost first. As one stack: a route that is wrapped eight times is boxed eight
/// times, and all of it is cloned for every request.
pub fn around(routes: Router<App>, app: &App) -> Router<App> {
    let timing = app.server_timing.then(|| middleware::from_fn(server_timing::tell));
    let https_only = app.security_headers.https_only();
    let stack = ServiceBuilder::new()
        .layer(middleware::from_fn_with_state(app.clone(), identity::identify))
        .layer(middleware::from_fn(counted))
        .option_layer(timing)
        .layer(middleware::from_fn_with_state(https_only, security_headers::protect))
        .layer(middleware::from_fn(message::well_formed))
        .option_layer(security_headers::cors(&app.security_headers.cors_origins))
        .layer(middleware::from_fn(acceptable))
        .layer(CompressionLayer::new().gzip(true).br(true).compress_when(OfWorthwhileSize))
        .layer(CatchPanicLayer::custom(|_panic| {
            ApiError::Internal("a handler panicked".to_owned()).into_response()
        }))
        .layer(middleware::from_fn_with_state(app.clone(), deadline));
    routes.layer(stack)
}

/// Compresses what is neither too small to gain nor too large to wait for.
#[derive(Debug, Clone, Copy)]
struct OfWorthwhileSize;

impl Predicate for OfWorthwhileSize {
    fn should_compress<B: HttpBody>(&self, response: &axum::http::Response<B>) -> bool {
        let size = response.body().size_hint().exact();
        size.is_some_and(|size| (COMPRESSED_BYTES_MIN..=COMPRESSED_BYTES_MAX).contains(&size))
    }
}

/// Overlooks an `Accept-Encoding` that refuses plain answers: the layer below would turn the answer to a sale that was made
/// into a 406. Source: RFC 9110 section 12.5.3, which lets a server send what isn't acceptable.
async fn acceptable(mut request: Request, next: Next) -> Response {
    let is_refused = |coding: &str| {
        let weight =
            coding.split_once(';').and_then(|(_, weight)| weight.trim().strip_prefix("q="));
        weight
            .and_then(|weight| weight.trim().parse::<f32>().ok())
            .is_some_and(|weight| weight <= 0.0)
    };
    let refuses_something = |value: &HeaderValue| {
        value.to_str().is_ok_and(|value| value.to_ascii_lowercase().split(',').any(is_refused))
    };
    if request.headers().get_all(header::ACCEPT_ENCODING).iter().any(refuses_something) {
        request.headers_mut().remove(header::ACCEPT_ENCODING);
    }
    next.run(request).await
}

/// Answers 503 when a request takes too long. Writes go on behind it, to their end.
async fn deadline(State(app): State<App>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(app.request_timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_elapsed) => {
            ApiError::Unavailable("the request took too long".to_owned()).into_response()
        }
    }
}

/// Routes that are asked again and again by machines, and say nothing about customers.
const PROBES: [&str; 4] = ["/health", "/health/live", "/health/ready", "/metrics"];

/// Counts, times and logs every request by its route, never by its path, which would make a series of every id.
async fn counted(request: Request, next: Next) -> Response {
    let began = clock::monotonic();
    let route =
        request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let method = method_label(request.method());
    let response = next.run(request).await;
    let status = response.status().as_u16();
    let seconds = began.elapsed().as_secs_f64();
    metrics::histogram!("ticketctl_http_request_seconds", "method" => method, "route" => route.clone())
        .record(seconds);
    metrics::counter!(
        "ticketctl_http_requests_total",
        "method" => method, "route" => route.clone(), "status" => status.to_string()
    )
    .increment(1);
    let user = response.extensions().get::<Caller>().map(|caller| field::display(caller.user.0));
    let ms = (seconds * 1e6).round() / 1e3;
    // The span around says which request, by method, route and id.
    if PROBES.contains(&route.as_str()) {
        tracing::debug!(status, ms, user, "answered");
    } else {
        tracing::info!(status, ms, user, "answered");
    }
    response
}

/// The method as metrics name it. Anybody may send a word of their own, and each would be a series of its own.
fn method_label(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}
