//! Query strings and bodies: read within their bounds, or refused with the field in the usual envelope.

use axum::body::{Bytes, HttpBody as _};
use axum::extract::{DefaultBodyLimit, FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::{DeserializeOwned, IgnoredAny};
use tokio::time::timeout;

use super::app::App;
use super::error::ApiError;
use super::parse_errors;

/// Largest JSON body, in bytes.
pub const JSON_BYTES_MAX: usize = 64 * 1024;
/// Largest seat map, in bytes.
pub const SEAT_MAP_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A query string that a handler knows every key of.
#[derive(Debug, Clone, Copy)]
pub struct QueryParams<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<App> for QueryParams<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, ApiError> {
        let Query(params) = Query::try_from_uri(&parts.uri)?;
        Ok(Self(params))
    }
}

/// A JSON body.
#[derive(Debug, Clone)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        Kind::Json.expect(request.headers())?;
        let bytes = bytes_of(request, app, Kind::Json).await?;
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
        Ok(Self(bytes_of(request, app, Kind::Csv).await?))
    }
}

/// The whole body, within the limit of its kind and within its time.
pub async fn bytes_of(mut request: Request, app: &App, kind: Kind) -> Result<Bytes, ApiError> {
    let bytes_max = kind.bytes_max();
    // Reading would invite a client to send it that waits to be (`Expect: 100-continue`).
    if usize::try_from(request.body().size_hint().lower()).is_ok_and(|length| length > bytes_max) {
        return Err(ApiError::TooLarge);
    }
    DefaultBodyLimit::max(bytes_max).apply(&mut request);
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
    /// Refuses a body that says it is something else, or packed, or not in UTF-8. One that says nothing is taken for what is
    /// expected.
    pub fn expect(self, headers: &HeaderMap) -> Result<(), ApiError> {
        if is_packed(headers) {
            return Err(ApiError::UnsupportedEncoding);
        }
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

    fn bytes_max(self) -> usize {
        match self {
            Self::Json => JSON_BYTES_MAX,
            Self::Csv => SEAT_MAP_BYTES_MAX,
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

fn is_packed(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::CONTENT_ENCODING).iter();
    let mut codings = values.flat_map(|value| value.to_str().unwrap_or("?").split(','));
    codings.any(|coding| !["", "identity"].contains(&coding.trim().to_ascii_lowercase().as_str()))
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
        // A word that is none of an enum's is an error of the syntax to serde.
        if error.inner().is_data() || is_json(bytes) {
            ApiError::Invalid(vec![parse_errors::of_json(&error)])
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

#[cfg(test)]
mod tests {
    use super::parse_errors::FIELD_LENGTH_MAX;
    use super::{ApiError, DeserializeOwned, parse};
    use crate::wire::{ChangeEvent, CreateEvent, CreateReservation, Credentials};

    fn of_body<T: DeserializeOwned>(body: &str) -> (String, String) {
        match parse::<T>(body.as_bytes()).map(|_| ()) {
            Err(ApiError::Invalid(errors)) => (errors[0].field.clone(), errors[0].message.clone()),
            other => panic!("{body}: {other:?}"),
        }
    }

    #[test]
    fn an_error_of_a_body_names_its_field_in_plain_words() {
        let time = "this has to be a time such as 2030-05-01T19:00:00Z";
        let uuid = "this has to be a UUID";
        let event = |field: &str| {
            let good = r#""title":"T","venue":"V","starts_at":"2030-05-01T19:00:00Z""#;
            of_body::<CreateEvent>(&format!("{{{good},{field}}}"))
        };
        let hold = |field: &str| {
            let event = r#""event_id":"018f6f2a-4c1b-7a3e-9d54-2f1c6b7a8e90""#;
            of_body::<CreateReservation>(&format!("{{{event},{field}}}"))
        };
        let change = of_body::<ChangeEvent>;
        let who = of_body::<Credentials>;
        let whole = "this has to be a whole number from";
        for (got, field, message) in [
            (who("{}"), "email", "this is missing"),
            (who(r#"{"email":1}"#), "email", "this has to be a text"),
            (
                who(r#"{"email":"a","password":"b","role":"admin"}"#),
                "role",
                "there is no such field; there are email, password",
            ),
            (who(r#"{"email":"a","email":"a"}"#), "email", "this is given twice"),
            (
                hold(r#""seat_ids":[1,"2"]"#),
                "seat_ids[1]",
                &format!("{whole} -9223372036854775808 to 9223372036854775807"),
            ),
            (hold(r#""seat_ids":7"#), "seat_ids", "this has to be a list"),
            (hold(r#""quantity":-1"#), "quantity", &format!("{whole} 0 to 4294967295")),
            (hold(r#""quantity":1.5"#), "quantity", &format!("{whole} 0 to 4294967295")),
            (of_body::<CreateReservation>(r#"{"event_id":"x"}"#), "event_id", uuid),
            (of_body::<CreateReservation>(r#"{"event_id":7}"#), "event_id", uuid),
            (
                event(r#""general_admission":{"quantity":1}"#),
                "general_admission.price_cents",
                "this is missing",
            ),
            (
                event(r#""general_admission":[1,2]"#),
                "general_admission",
                "this has to be an object",
            ),
            (
                event(r#""tickets_per_user_max":99999999999"#),
                "tickets_per_user_max",
                &format!("{whole} -2147483648 to 2147483647"),
            ),
            (change(r#"{"starts_at":"tomorrow"}"#), "starts_at", time),
            (change(r#"{"starts_at":"2030-13-01T00:00:00Z"}"#), "starts_at", time),
            (change(r#"{"starts_at":"2030-02-30T00:00:00Z"}"#), "starts_at", time),
            (change(r#"{"starts_at":"2030-01-01T00:00:00Zx"}"#), "starts_at", time),
            (change(r#"{"starts_at":7}"#), "starts_at", time),
            (
                change(r#"{"status":"sold"}"#),
                "status",
                "this is none of draft, published, cancelled, completed",
            ),
            (change(r#"{"status":7}"#), "status", "this has to be one of its words"),
            (of_body::<Credentials>("[1]"), "body", "this has to be an object"),
        ] {
            assert_eq!((got.0.as_str(), got.1.as_str()), (field, message));
        }
    }

    #[test]
    fn a_field_of_the_clients_own_is_not_repeated_at_length() {
        let (field, _) = of_body::<Credentials>(&format!("{{\"{}\":1}}", "x".repeat(10_000)));
        assert_eq!(field.len(), FIELD_LENGTH_MAX);
    }
}
