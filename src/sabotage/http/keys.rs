//! Idempotency keys that are not kept as they should be. Knows nothing of what is asked for under them.

use async_trait::async_trait;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use super::{Tamper, Tools, answer, bytes_of, read, said, with_body};
use crate::wire;

/// Bodies are not compared: the first one under a key stands for all later ones.
pub struct BodyOfKey;

#[async_trait]
impl Tamper for BodyOfKey {
    async fn around(&self, tools: &Tools, request: Request, next: Next) -> Response {
        let (parts, body) = read(request).await;
        let key = said(&parts, wire::IDEMPOTENCY_KEY);
        if key.is_empty() {
            return next.run(with_body(parts, body)).await;
        }
        let caller = said(&parts, header::AUTHORIZATION.as_str());
        let name = format!("{caller} {} {key}", parts.uri.path());
        let first = tools.remembered().entry(name).or_insert((StatusCode::OK, body)).1.clone();
        next.run(with_body(parts, first)).await
    }
}

/// Keys are not kept by user: whoever sends one gets the answer that somebody else's request came to.
pub struct KeyOfAll;

#[async_trait]
impl Tamper for KeyOfAll {
    async fn around(&self, tools: &Tools, request: Request, next: Next) -> Response {
        let (parts, body) = request.into_parts();
        let key = said(&parts, wire::IDEMPOTENCY_KEY);
        if key.is_empty() {
            return next.run(Request::from_parts(parts, body)).await;
        }
        let caller = said(&parts, header::AUTHORIZATION.as_str()).to_owned();
        let (name, owner) = (format!("answer {key}"), format!("owner {key}"));
        let is_others = tools.remembered().get(&owner).is_some_and(|(_, first)| *first != caller);
        let kept = tools.remembered().get(&name).cloned().filter(|_| is_others);
        if let Some(kept) = kept {
            return answer(kept);
        }
        let response = next.run(Request::from_parts(parts, body)).await;
        if !response.status().is_success() {
            return response;
        }
        let (parts, body) = response.into_parts();
        let kept = (parts.status, bytes_of(body).await);
        tools.remembered().insert(owner, (parts.status, caller.into()));
        tools.remembered().insert(name, kept.clone());
        Response::from_parts(parts, kept.1.into())
    }
}
