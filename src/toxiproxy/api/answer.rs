//! Turns results into HTTP answers, to the byte as Toxiproxy 2.12 gives them; knows no operation.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use crate::toxiproxy::error::Error;
use crate::toxiproxy::registry::Populated;
use crate::toxiproxy::view::ProxyView;

/// A refused operation, as an HTTP answer.
pub struct Refused(pub Error);

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self(error) = self;
        let status = status(&error);
        let body = json!({ "error": error.to_string(), "status": status.as_u16() });
        plain_error(status, format!("{body}\n"))
    }
}

/// A success with a body.
pub fn json(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_string(body) {
        Ok(text) => (status, [(header::CONTENT_TYPE, "application/json")], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "an answer cannot be written as JSON");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// An error. Toxiproxy labels its JSON errors as text; clients parse them all the same.
pub fn plain_error(status: StatusCode, body: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (status, headers, body).into_response()
}

/// Populate tells what it did even when it failed; that it then did nothing is `null`, as the original writes it.
pub fn populated(populated: &Populated) -> Response {
    let failure = populated.failure.as_ref();
    let status = failure.map_or(StatusCode::CREATED, status);
    let body = PopulateBody {
        error: failure.map(ToString::to_string),
        status: failure.map(|_| status.as_u16()),
        proxies: (failure.is_none() || !populated.proxies.is_empty())
            .then_some(populated.proxies.as_slice()),
    };
    json(status, &body)
}

#[derive(Serialize)]
struct PopulateBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    proxies: Option<&'a [ProxyView]>,
}

fn status(error: &Error) -> StatusCode {
    match error {
        Error::BadBody(_)
        | Error::MissingField(_)
        | Error::MissingFieldAt { .. }
        | Error::InvalidStream
        | Error::InvalidType
        | Error::TooLong { .. }
        | Error::Remote(_) => StatusCode::BAD_REQUEST,
        Error::ProxyNotFound | Error::ToxicNotFound => StatusCode::NOT_FOUND,
        Error::ProxyExists | Error::ToxicExists => StatusCode::CONFLICT,
        Error::BodyTooLong { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        Error::Late => StatusCode::SERVICE_UNAVAILABLE,
        Error::Listen(_) | Error::Defect => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
