//! Versions as HTTP writes them: the `ETag` of an answer, and the `If-Match` of a change. Source: RFC 9110 sections 8.8.3
//! and 13.1.1; 428 is RFC 6585 section 3.

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;

use super::error::ApiError;
use crate::domain::Refusal;

const SEVERAL: &str = "these are several versions, name the one you read";

/// Puts a version on an answer.
pub fn with_etag(mut response: Response, version: i64) -> Response {
    if let Ok(value) = HeaderValue::from_str(&format!("\"{version}\"")) {
        response.headers_mut().insert(header::ETAG, value);
    }
    response
}

/// The version that a change was made from: 412 where it can't be ours, and 428 without exactly one. `*` is true of every
/// version, and a list of several, so that whoever sends them may overwrite what they have not read: this server asks for
/// more.
pub fn if_match(headers: &HeaderMap) -> Result<i64, ApiError> {
    let unnamed = |how| Err(ApiError::PreconditionRequired(how));
    let mut values = headers.get_all(header::IF_MATCH).iter();
    let value = match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().unwrap_or_default().trim(),
        (None, _) => return unnamed("this is missing"),
        (Some(_), Some(_)) => return unnamed(SEVERAL),
    };
    match value {
        "*" => unnamed("* is every version, name the one you read"),
        list if list.contains(',') => unnamed(SEVERAL),
        one => version_of(one).ok_or(ApiError::Refused(Refusal::Changed)),
    }
}

/// The version that a tag of ours says, compared as it is spelt.
fn version_of(tag: &str) -> Option<i64> {
    let text = tag.strip_prefix('"')?.strip_suffix('"')?;
    text.parse().ok().filter(|version: &i64| version.to_string() == text)
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
        for several in ["\"1\", \"2\"", "*, \"1\"", "\"1\","] {
            assert!(matches!(read(several), Err(ApiError::PreconditionRequired(_))), "{several}");
        }
        // A tag is compared as it is spelt.
        for bad in ["7", "W/\"7\"", "\"x\"", "\"+7\"", "\"07\"", "\"\"", "\"99999999999999999999\""]
        {
            assert!(matches!(read(bad), Err(ApiError::Refused(_))), "{bad}");
        }
        let mut twice = HeaderMap::new();
        twice.append(header::IF_MATCH, HeaderValue::from_static("\"7\""));
        twice.append(header::IF_MATCH, HeaderValue::from_static("\"8\""));
        assert!(matches!(if_match(&twice), Err(ApiError::PreconditionRequired(_))));
        let without = if_match(&HeaderMap::new());
        assert!(matches!(without, Err(ApiError::PreconditionRequired(_))));
    }
}
