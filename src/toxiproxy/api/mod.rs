//! The control API over HTTP: routes, the checks every request passes, nothing of what the operations do.

use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, any, on};
use rand::distr::{Alphanumeric, SampleString};

use super::error::Error;
use super::metrics::Shown;

pub mod context;
pub mod serve;
mod timed;
mod answer;
mod request;
mod proxies;
mod toxics;

use answer::Refused;
use context::Context;

/// The Toxiproxy release whose clients this server is compatible with.
pub const VERSION: &str = "2.12.0";

/// Longest any request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(25);

const GET: MethodFilter = MethodFilter::GET;
const POST: MethodFilter = MethodFilter::POST;
const DELETE: MethodFilter = MethodFilter::DELETE;
/// Toxiproxy's own clients still POST what its documentation says to PATCH.
const CHANGE: MethodFilter = MethodFilter::POST.or(MethodFilter::PATCH);

/// The API of one server; `/metrics` exists only when there is something to show.
pub fn router(context: Context, shown: Shown) -> Router {
    let mut router = Router::new()
        .route("/version", guarded(on(GET, version)))
        .route("/reset", guarded(on(POST, proxies::reset)))
        .route("/populate", guarded(on(POST, proxies::populate)))
        .route("/proxies", guarded(on(GET, proxies::list).on(POST, proxies::create)))
        .route(
            "/proxies/{proxy}",
            guarded(on(GET, proxies::get).on(CHANGE, proxies::update).on(DELETE, proxies::delete)),
        )
        .route("/proxies/{proxy}/toxics", guarded(on(GET, toxics::list).on(POST, toxics::create)))
        .route(
            "/proxies/{proxy}/toxics/{toxic}",
            guarded(on(GET, toxics::get).on(CHANGE, toxics::update).on(DELETE, toxics::delete)),
        );
    if !shown.is_empty() {
        let render = async move || {
            ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], shown.render())
        };
        router = router.route("/metrics", any(render).layer(middleware::from_fn(guard)));
    }
    router
        .fallback(unknown_path)
        .layer(DefaultBodyLimit::max(request::BODY_BYTES_MAX))
        .with_state(context)
}

/// Checks what every known route checks; a wrong method never gets here.
fn guarded(route: MethodRouter<Context>) -> MethodRouter<Context> {
    route.route_layer(middleware::from_fn(guard)).route_layer(middleware::from_fn(refuse_head))
}

/// axum answers HEAD where it answers GET; Toxiproxy does not.
async fn refuse_head(request: Request, next: Next) -> Response {
    if request.method() == Method::HEAD {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    next.run(request).await
}

async fn guard(request: Request, next: Next) -> Response {
    // A page in a browser could otherwise reach the API of a developer's machine.
    let is_browser = request
        .headers()
        .get(header::USER_AGENT)
        .is_some_and(|agent| agent.as_bytes().starts_with(b"Mozilla/"));
    let mut response = if is_browser {
        answer::plain_error(StatusCode::FORBIDDEN, "User agent not allowed\n".to_owned())
    } else {
        let answer = tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).await;
        answer.unwrap_or_else(|_elapsed| Refused(Error::Late).into_response())
    };
    if let Ok(id) = HeaderValue::try_from(request_id()) {
        response.headers_mut().insert("x-toxiproxy-request-id", id);
    }
    response
}

/// Twenty lower-case letters and digits. They only tell log lines apart, so they need no seed.
fn request_id() -> String {
    Alphanumeric.sample_string(&mut rand::rng(), 20).to_ascii_lowercase()
}

async fn version() -> Response {
    let body = format!("{{\"version\": \"{VERSION}\"}}\n");
    ([(header::CONTENT_TYPE, "application/json;charset=utf-8")], body).into_response()
}

async fn unknown_path() -> Response {
    answer::plain_error(StatusCode::NOT_FOUND, "404 page not found\n".to_owned())
}
