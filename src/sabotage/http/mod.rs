//! Requests and answers that are tampered with, around the server's routes. Knows no bug.

/// Which requests.
mod route;
/// Answers that say something else.
mod answers;
/// Callers who are taken for somebody else.
mod callers;
/// Keys that are not kept as they should be.
mod keys;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use jsonwebtoken::EncodingKey;
use serde_json::Value;

use crate::storage::Storage;

pub use answers::{Changed, ChangedOn, First};
pub use callers::{AsAdmin, AsOwner, Owned};
pub use keys::{BodyOfKey, KeyOfAll};
pub use route::Route;

/// Larger bodies are none of a server's.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Somebody between the network and the routes.
#[async_trait]
pub trait Tamper: Send + Sync {
    /// Answers the request, in whichever way.
    async fn around(&self, tools: &Tools, request: Request, next: Next) -> Response;
}

impl fmt::Debug for dyn Tamper {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Tamper")
    }
}

/// What there is to tamper with.
pub struct Tools {
    storage: Storage,
    signing_key: EncodingKey,
    remembered: Mutex<HashMap<String, Kept>>,
}

/// A status and a body that were seen.
type Kept = (StatusCode, Bytes);

impl Tools {
    /// With nothing remembered.
    pub fn new(storage: Storage, signing_key: EncodingKey) -> Self {
        Self { storage, signing_key, remembered: Mutex::default() }
    }

    fn remembered(&self) -> MutexGuard<'_, HashMap<String, Kept>> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The layer.
pub async fn around(
    State((tamper, tools)): State<(&'static dyn Tamper, Arc<Tools>)>,
    request: Request,
    next: Next,
) -> Response {
    tamper.around(&tools, request, next).await
}

/// The whole of a body; empty where it can't be read.
async fn bytes_of(body: Body) -> Bytes {
    to_bytes(body, BODY_BYTES_MAX).await.unwrap_or_default()
}

/// The request with its body read, and the body once more.
async fn read(request: Request) -> (Parts, Bytes) {
    let (parts, body) = request.into_parts();
    (parts, bytes_of(body).await)
}

/// What a request says in this header.
fn said<'a>(parts: &'a Parts, name: &str) -> &'a str {
    parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The request with another body.
fn with_body(mut parts: Parts, body: Bytes) -> Request {
    parts.headers.insert(header::CONTENT_LENGTH, body.len().into());
    Request::from_parts(parts, body.into())
}

/// An answer of this status and body, as JSON.
fn answer((status, body): Kept) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let json = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// The answer with its JSON changed; as it was where it is no JSON.
async fn changed(response: Response, change: fn(&mut Value)) -> Response {
    let (mut parts, body) = response.into_parts();
    let bytes = bytes_of(body).await;
    let Ok(mut value) = serde_json::from_slice::<Value>(&bytes) else {
        return Response::from_parts(parts, bytes.into());
    };
    change(&mut value);
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, value.to_string().into())
}
