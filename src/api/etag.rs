//! Versions as HTTP writes them: the `ETag` of an answer, and the `If-Match` of a change. Source: RFC 9110 sections 8.8.3
//! and 13.1.1; 428 is RFC 6585 section 3.

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;

use super::error::ApiError;
use crate::domain::Refusal;

/// Puts a version on an answer.
pub fn with_etag(mut response: Response, version: i64) -> Response {
    if let Ok(value) = HeaderValue::from_str(&format!("\"{version}\"")) {
        response.headers_mut().insert(header::ETAG, value);
    }
    response
}

/// The version that a change was made from: 412 where it can't be ours, and 428 without one. `*` is true of every version,
/// so that whoever sends it would overwrite what they have not read: this server asks for more.
pub fn if_match(headers: &HeaderMap) -> Result<i64, ApiError> {
    let value =
        headers.get(header::IF_MATCH).map(|value| value.to_str().unwrap_or_default().trim());
    let value = value.ok_or(ApiError::PreconditionRequired("this is missing"))?;
    if value == "*" {
        return Err(ApiError::PreconditionRequired("* is every version, name the one you read"));
    }
    let version = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    let version = version.and_then(|version| version.parse::<i64>().ok());
    version.ok_or(ApiError::Refused(Refusal::Changed))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, header};

    use super::{ApiError, if_match};

    #[test]
    fn only_a_version_of_ours_matches() {
        let read = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_MATCH, HeaderValue::from_static(value));
            if_match(&headers)
        };
        assert_eq!(read("\"7\"").unwrap(), 7);
        assert!(matches!(read("*"), Err(ApiError::PreconditionRequired(_))));
        for bad in ["7", "W/\"7\"", "\"x\"", "\"1\", \"2\""] {
            assert!(matches!(read(bad), Err(ApiError::Refused(_))), "{bad}");
        }
        let without = if_match(&HeaderMap::new());
        assert!(matches!(without, Err(ApiError::PreconditionRequired(_))));
    }
}
