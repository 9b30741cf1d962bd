//! Every answer that any test gets from its server is one that the API's description has: its status, its kind, its headers
//! and, where it is a refusal, its envelope. Who only asks makes a contract test.

use std::sync::{Arc, LazyLock, Mutex};

use axum::body::{Body, to_bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use serde_json::Value;

use super::app::value;
use crate::api::routes::{OPENAPI, ROUTES};
use crate::wire;

/// Headers that mean something to a client of the API; others are between browsers and servers.
const TELLING: [HeaderName; 8] = [
    header::ACCEPT_ENCODING,
    header::ETAG,
    header::LOCATION,
    header::RETRY_AFTER,
    header::WWW_AUTHENTICATE,
    HeaderName::from_static("ratelimit"),
    HeaderName::from_static("ratelimit-policy"),
    HeaderName::from_static(wire::IDEMPOTENT_REPLAYED),
];

static DESCRIBED: LazyLock<Value> = LazyLock::new(|| value(&OPENAPI.to_json().unwrap()));

/// Answers that broke the contract.
pub type Breaches = Arc<Mutex<Vec<String>>>;

/// Fails the test that it belongs to, at its end, if an answer broke the contract.
#[derive(Debug, Default)]
pub struct Contract(Breaches);

impl Contract {
    /// Where a server's breaches are written.
    pub fn breaches(&self) -> Breaches {
        Arc::clone(&self.0)
    }
}

impl Drop for Contract {
    fn drop(&mut self) {
        let breaches = self.0.lock().unwrap();
        // A second panic would hide the first.
        assert!(std::thread::panicking() || breaches.is_empty(), "{}", breaches.join("\n"));
    }
}

/// Holds an answer against the description.
pub async fn watch(State(breaches): State<Breaches>, request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let method = request.method().clone();
    let response = next.run(request).await;
    let Some(path) = path.filter(|path| is_of_table(&method, path)) else { return response };
    let operation = &DESCRIBED["paths"][&path][method.as_str().to_lowercase()];
    if operation.is_null() {
        // The pages themselves.
        return response;
    }
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    if let Err(breach) = compare(operation, &parts, &body) {
        breaches.lock().unwrap().push(format!("{method} {path} {}: {breach}", parts.status));
    }
    Response::from_parts(parts, Body::from(body))
}

fn is_of_table(method: &Method, path: &str) -> bool {
    ROUTES.iter().any(|route| route.method == *method && route.path == path)
}

/// Whether the operation's description has an answer like this.
fn compare(
    operation: &Value,
    parts: &axum::http::response::Parts,
    body: &[u8],
) -> Result<(), String> {
    let described = &operation["responses"][parts.status.as_str()];
    if described.is_null() {
        return Err("the description doesn't have this status".to_owned());
    }
    let kind = parts.headers.get(header::CONTENT_TYPE).map_or("", |kind| kind.to_str().unwrap());
    let kind = kind.split(';').next().unwrap();
    if described["content"].get(kind).is_none() {
        return Err(format!("the description doesn't have the kind {kind:?}"));
    }
    let headers = described["headers"].as_object().unwrap();
    let has =
        |name: &HeaderName| headers.keys().any(|known| known.eq_ignore_ascii_case(name.as_str()));
    if let Some(name) = TELLING.iter().find(|name| parts.headers.contains_key(*name) && !has(name))
    {
        return Err(format!("the description doesn't have the header {name}"));
    }
    let is_packed = parts.headers.contains_key(header::CONTENT_ENCODING);
    let schema = &described["content"][kind]["schema"]["$ref"];
    if schema == "#/components/schemas/Failure" && !is_packed {
        let failure: wire::Failure =
            serde_json::from_slice(body).map_err(|error| format!("no envelope: {error}"))?;
        if failure.success || failure.message.is_empty() {
            return Err("a refusal without a word".to_owned());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use axum::http::{Response, StatusCode};

    use super::*;

    #[test]
    fn an_answer_that_the_description_does_not_have_is_a_breach() {
        let operation = &DESCRIBED["paths"]["/api/v1/bookings/confirm"]["post"];
        let ask = |status: StatusCode, kind: &str, name: &str, body: &str| {
            let response = Response::builder().status(status).header("content-type", kind);
            let (parts, ()) = response.header(name, "1").body(()).unwrap().into_parts();
            compare(operation, &parts, body.as_bytes())
        };
        let json = "application/json";
        let refusal = r#"{"success":false,"message":"no","errors":[]}"#;
        assert_eq!(ask(StatusCode::PAYMENT_REQUIRED, json, "idempotent-replayed", refusal), Ok(()));
        for (status, kind, name, body, says) in [
            (StatusCode::IM_A_TEAPOT, json, "x", refusal, "status"),
            (StatusCode::PAYLOAD_TOO_LARGE, "text/plain", "x", "too large", "kind"),
            (StatusCode::PAYMENT_REQUIRED, json, "retry-after", refusal, "header"),
            (StatusCode::PAYMENT_REQUIRED, json, "x", "{}", "envelope"),
        ] {
            let breach = ask(status, kind, name, body).unwrap_err();
            assert!(breach.contains(says), "{breach}");
        }
    }
}
