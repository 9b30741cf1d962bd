//! What is left of a caller's limits, as answers say it. Source: IETF draft-ietf-httpapi-ratelimit-headers-10.

use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;

/// What may be done.
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// What is left of it.
const LEFT: HeaderName = HeaderName::from_static("ratelimit");

/// The limits a request was counted against, and what is left of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitHeaders {
    /// Value of `RateLimit-Policy`.
    pub policy: String,
    /// Value of `RateLimit`.
    pub left: String,
}

impl LimitHeaders {
    /// Puts them on an answer that doesn't have them yet.
    pub fn put_on(&self, response: &mut Response) {
        for (name, value) in [(POLICY, &self.policy), (LEFT, &self.left)] {
            if let Ok(value) = HeaderValue::from_str(value) {
                response.headers_mut().entry(name).or_insert(value);
            }
        }
    }
}
