//! Whether a request is HTTP as its rules have it. What is not is refused here, inside the layers that give every answer its
//! id, its headers and its log line.

use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::api::error::ApiError;

/// Marks a request that stands for bytes which are none, and says with which status they are refused.
#[derive(Debug, Clone, Copy)]
pub struct Unreadable(pub StatusCode);

/// Refuses what can't be read, and what does not say once and clearly whom it asks.
pub async fn well_formed(request: Request, next: Next) -> Response {
    if let Some(Unreadable(status)) = request.extensions().get() {
        return ApiError::Unreadable(*status).into_response();
    }
    match check_host(request.version(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

/// Source: RFC 9112 section 3.2.
fn check_host(version: Version, headers: &HeaderMap) -> Result<(), ApiError> {
    let refuse = |message: &str| Err(ApiError::malformed("host", message));
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if version < Version::HTTP_11 => Ok(()),
        (None, _) => refuse("send a Host header, HTTP/1.1 asks for it"),
        (Some(host), None) if is_host(host) => Ok(()),
        (Some(_), None) => refuse("this has to be a host, such as tickets.example.org:8080"),
        (Some(_), Some(_)) => refuse("send one Host header, not several"),
    }
}

/// A name or an address, with a port or without; or nothing at all. Source: RFC 9110 section 7.2.
fn is_host(value: &HeaderValue) -> bool {
    let Ok(text) = value.to_str() else { return false };
    let Ok(authority) = text.parse::<Authority>() else { return text.is_empty() };
    let after = text.strip_prefix(authority.host());
    after.is_some_and(|after| {
        let port = after.strip_prefix(':').unwrap_or(after);
        port.bytes().all(|byte| byte.is_ascii_digit())
    })
}
