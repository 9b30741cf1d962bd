//! Who calls, and with which idempotency key: read from the request before a handler runs.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, OptionalFromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use jsonwebtoken::{Algorithm, Validation};
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use super::App;
use super::error::ApiError;
use crate::booking::replay::KeyedRequest;
use crate::domain::{IdempotencyKey, RequestHash, UserId};
use crate::wire::{self, Claims};

/// The caller, by a verified access token.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who.
    pub user: UserId,
    /// In which role.
    pub role: Role,
}

/// What a caller may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Buys.
    Customer,
    /// Runs events.
    Organizer,
    /// Runs the system, and may read what anybody owns.
    Admin,
}

impl Caller {
    /// Whether the caller may read what belongs to `owner`.
    pub fn may_read(&self, owner: UserId) -> bool {
        self.user == owner || self.role == Role::Admin
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let token =
            bearer(&parts.headers).ok_or(ApiError::Unauthenticated("send an access token"))?;
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[wire::TOKEN_ISSUER]);
        validation.set_required_spec_claims(&["exp", "iss", "sub"]);
        validation.leeway = 0;
        let refused = ApiError::Unauthenticated("the access token does not hold, log in again");
        let Ok(token) = jsonwebtoken::decode::<Claims>(token, &app.token_key, &validation) else {
            return Err(refused);
        };
        let role = match token.claims.role.as_str() {
            "customer" => Role::Customer,
            "organizer" => Role::Organizer,
            "admin" => Role::Admin,
            _ => return Err(refused),
        };
        Ok(Self { user: UserId(token.claims.sub), role })
    }
}

impl OptionalFromRequestParts<App> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Option<Self>, ApiError> {
        if parts.headers.contains_key(header::AUTHORIZATION) {
            <Self as FromRequestParts<App>>::from_request_parts(parts, app).await.map(Some)
        } else {
            Ok(None)
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// A JSON body sent under an idempotency key by a known caller.
#[derive(Debug)]
pub struct Keyed<T> {
    /// The body.
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
        let bytes = Bytes::from_request(Request::from_parts(parts, body), app).await.map_err(
            |rejection| {
                if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                    ApiError::TooLarge
                } else {
                    ApiError::Malformed { field: "body", message: rejection.body_text() }
                }
            },
        )?;
        hasher.update(&bytes);
        let body = serde_json::from_slice(&bytes).map_err(|error| {
            let message = error.to_string();
            if error.is_data() {
                ApiError::Invalid { field: "body", message }
            } else {
                ApiError::Malformed { field: "body", message }
            }
        })?;
        let hash = RequestHash(hasher.finalize().into());
        Ok(Self { body, request: KeyedRequest { user: caller.user, key, hash } })
    }
}

fn key_of(headers: &HeaderMap) -> Result<IdempotencyKey, ApiError> {
    let malformed = |message: String| ApiError::Malformed { field: "idempotency_key", message };
    let value = headers.get(wire::IDEMPOTENCY_KEY).ok_or_else(|| {
        malformed("send an Idempotency-Key header, a UUID for instance".to_owned())
    })?;
    let text = value
        .to_str()
        .map_err(|_bytes| malformed("an idempotency key is visible ASCII".to_owned()))?;
    IdempotencyKey::parse(text).map_err(|error| malformed(error.to_string()))
}
