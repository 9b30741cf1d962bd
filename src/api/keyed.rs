//! JSON bodies, and the idempotency keys they are sent under: read from the request before a handler runs.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::HeaderMap;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use super::app::App;
use super::auth::Caller;
use super::error::ApiError;
use super::extract::{self, Kind};
use crate::booking::answer::KeyedRequest;
use crate::domain::{IdempotencyKey, RequestHash};
use crate::wire;

/// A JSON body sent under an idempotency key by a known caller.
#[derive(Debug)]
pub struct Keyed<T> {
    pub body: T,
    /// Caller, key, and the hash of method, path and body.
    pub request: KeyedRequest,
}

impl<T: DeserializeOwned> FromRequest<App> for Keyed<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let (mut parts, body) = request.into_parts();
        let caller = <Caller as FromRequestParts<App>>::from_request_parts(&mut parts, app).await?;
        let key = key_of(&parts.headers)?;
        let mut hasher = Sha256::new();
        hasher.update(parts.method.as_str());
        hasher.update(b" ");
        hasher.update(parts.uri.path());
        hasher.update(b"\n");
        Kind::Json.expect(&parts.headers)?;
        let bytes = extract::bytes_of(Request::from_parts(parts, body), app, Kind::Json).await?;
        hasher.update(&bytes);
        let body = extract::parse(&bytes)?;
        let hash = RequestHash(hasher.finalize().into());
        Ok(Self { body, request: KeyedRequest { user: caller.user, key, hash } })
    }
}

fn key_of(headers: &HeaderMap) -> Result<IdempotencyKey, ApiError> {
    let malformed =
        |message: &str| ApiError::malformed(wire::Reason::IdempotencyKey.name(), message);
    let mut values = headers.get_all(wire::IDEMPOTENCY_KEY).iter();
    let value = values
        .next()
        .ok_or_else(|| malformed("send an Idempotency-Key header, a UUID for instance"))?;
    if values.next().is_some() {
        return Err(malformed("send one Idempotency-Key header, not several"));
    }
    let text = value.to_str().map_err(|_bytes| malformed("an idempotency key is visible ASCII"))?;
    IdempotencyKey::parse(text).map_err(|error| malformed(&error.to_string()))
}
