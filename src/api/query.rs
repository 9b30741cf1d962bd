//! Query strings and bodies without a key: read within their bounds, or refused with the field in the usual envelope.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::{DeserializeOwned, IgnoredAny};
use tokio::time::timeout;

use super::error::ApiError;
use super::{App, wording};

/// A query string that a handler knows every key of.
#[derive(Debug, Clone, Copy)]
pub struct Asked<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<App> for Asked<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, ApiError> {
        let Query(asked) = Query::try_from_uri(&parts.uri)?;
        Ok(Self(asked))
    }
}

/// A JSON body.
#[derive(Debug, Clone)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        Kind::Json.expect(request.headers())?;
        let bytes = bytes_of(request, app).await?;
        Ok(Self(parse(&bytes)?))
    }
}

/// A CSV body, not looked into yet.
#[derive(Debug, Clone)]
pub struct Csv(pub Bytes);

impl FromRequest<App> for Csv {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        Kind::Csv.expect(request.headers())?;
        Ok(Self(bytes_of(request, app).await?))
    }
}

/// The whole body, within the limit and within its time.
pub async fn bytes_of(request: Request, app: &App) -> Result<Bytes, ApiError> {
    // A fifth of the request's time is left for doing what it asks.
    let read = timeout(app.request_timeout * 4 / 5, Bytes::from_request(request, app)).await;
    let read = read.map_err(|_elapsed| ApiError::TooSlow)?;
    read.map_err(|rejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            ApiError::TooLarge
        } else {
            ApiError::malformed("body", "the body broke off")
        }
    })
}

/// What a body may be.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// JSON, also under a name of its own such as `application/merge-patch+json`.
    Json,
    /// CSV.
    Csv,
}

impl Kind {
    /// Refuses a body that says it is something else, or not in UTF-8. One that says nothing is taken for what is expected.
    pub fn expect(self, headers: &HeaderMap) -> Result<(), ApiError> {
        let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
        let value = value.to_str().unwrap_or_default().to_ascii_lowercase();
        let (name, parameters) = value.split_once(';').unwrap_or((&value, ""));
        let charset = parameters.split(';').find_map(|p| p.trim().strip_prefix("charset="));
        let is_utf8 = charset.is_none_or(|charset| charset.trim_matches('"') == "utf-8");
        if self.is_called(name.trim()) && is_utf8 {
            Ok(())
        } else {
            Err(ApiError::UnsupportedMediaType(self.name()))
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv",
        }
    }

    fn is_called(self, name: &str) -> bool {
        name == self.name() || (matches!(self, Self::Json) && name.ends_with("+json"))
    }
}

/// A JSON object. JSON that cannot be read is 400; JSON that makes no sense here is 422.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    // serde would take a list for an object, field by field in the order of the program's source.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        let another_kind = || ApiError::invalid("body", "this has to be an object");
        return Err(if is_json(bytes) { another_kind() } else { unreadable() });
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let body = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        // A word that is none of an enum's is a fault of the syntax to serde.
        if error.inner().is_data() || is_json(bytes) {
            ApiError::Invalid(vec![wording::of_json(&error)])
        } else {
            unreadable()
        }
    })?;
    reader.end().map_err(|_trailing| unreadable())?;
    Ok(body)
}

fn is_json(bytes: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(bytes).is_ok()
}

fn unreadable() -> ApiError {
    ApiError::malformed("body", "this can't be read as JSON")
}
