//! Which request a log line is about: every request has an id, its own or ours, in every line of its log and in its answer.

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use opentelemetry::propagation::Extractor;
use tracing::Instrument as _;
use tracing::field::Empty;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::api::app::App;
use crate::wire;

/// Names a request; a client may bring its own.
const REQUEST_ID: HeaderName = HeaderName::from_static(wire::REQUEST_ID);
/// Longest id that a client may bring.
const LENGTH_MAX: usize = 64;

/// Gives a request its id, and a span that says so. Neither holds a header's value, a query or a body: those may be secret.
pub async fn identify(State(app): State<App>, request: Request, next: Next) -> Response {
    let id = brought(request.headers()).unwrap_or_else(|| app.context.entropy.uuid().to_string());
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str);
    let method = request.method();
    let span = tracing::info_span!(
        "request", otel.name = format!("{method} {route}"), otel.kind = "server",
        %method, route, request_id = id, status = Empty
    );
    let caller = opentelemetry::global::get_text_map_propagator(|propagator| {
        propagator.extract(&Traceparent(request.headers()))
    });
    // Where nothing is exported there is no trace to be part of.
    let _is_part = span.set_parent(caller);
    let mut response = next.run(request).instrument(span.clone()).await;
    span.record("status", response.status().as_u16());
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// The client's own id, when it is one.
fn brought(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    let is_sane = (1..=LENGTH_MAX).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic());
    is_sane.then(|| id.to_owned())
}

/// The headers of W3C Trace Context, and no others.
struct Traceparent<'a>(&'a HeaderMap);

impl Extractor for Traceparent<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_could_forge_a_log_line_is_not_taken() {
        let long = "x".repeat(65);
        for (id, taken) in [
            ("abc-123", true),
            (&long[..64], true),
            (&long, false),
            ("a b", false),
            ("", false),
            ("é", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_bytes(id.as_bytes()).unwrap());
            assert_eq!(brought(&headers).is_some(), taken, "{id}");
        }
    }
}
