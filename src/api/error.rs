//! Errors and their status codes. Use cases return `BookingError`, whose variants a caller acts on; this file alone
//! decides how each looks from outside. Causes inside the server are logged once, here, and never sent.

use std::fmt::Display;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::limit_headers::LimitHeaders;
use super::{parse_errors, render};
use crate::accounts::AccountError;
use crate::booking::BookingError;
use crate::domain::Refusal;
use crate::storage::StorageError;
use crate::wire::{FieldError, Reason};

/// What a 401 asks for. Says nothing of a token where there was none. Source: RFC 6750 section 3.
const CHALLENGE: &str = "Bearer realm=\"ticketctl\"";
/// What a client is told to wait before it asks again, in seconds.
const RETRY_AFTER_SECONDS: &str = "1";

/// What a client is told while the guard index is gone.
const UNGUARDED: &str = "nothing is sold right now, because the database has lost what keeps a seat from being sold twice; ask \
                         again with the same idempotency key once its operator has put that back";

/// A request that wasn't answered as asked.
#[derive(Debug)]
pub enum ApiError {
    /// 400: a header, path, query or body that can't be read.
    Malformed(FieldError),
    /// 400, 414 or 431: no HTTP, or headers larger than the limit.
    Unreadable(StatusCode),
    /// 401: no token, or another proof that is wrong.
    Unauthenticated(&'static str),
    /// 401: an access token that doesn't hold. What is said of it stands in the challenge, too: visible ASCII without quotes.
    InvalidToken(&'static str),
    /// 404: no such route.
    NoSuchRoute,
    /// 405: the route has other methods.
    MethodNotAllowed,
    /// 408: a body that doesn't come within its time.
    TooSlow,
    /// 413: a body larger than the limit.
    TooLarge,
    /// 415: a body of another kind than the route takes.
    UnsupportedMediaType(&'static str),
    /// 415: a body that is packed, as by gzip.
    UnsupportedEncoding,
    /// 428: a change that doesn't say which version it was made from, and how not.
    PreconditionRequired(&'static str),
    /// 422: a body that can be read and makes no sense, in one field or in several.
    Invalid(Vec<FieldError>),
    /// As [`refusals::status_of`](super::refusals::status_of) says: a definite refusal.
    Refused(Refusal),
    /// 429 with Retry-After: too many requests within the window.
    LimitReached {
        /// When there is room for one more.
        retry_after_seconds: u64,
        /// What the headers say.
        headers: LimitHeaders,
    },
    /// 503 with Retry-After: a dependency failed or was too slow. What was under way may have happened.
    Unavailable(String),
    /// 503 with Retry-After: the guard index is gone, and nothing is sold until it is back.
    Unguarded,
    /// 500: a defect of ours.
    Internal(String),
}

impl ApiError {
    /// 400 for one field.
    pub fn malformed(field: &str, message: impl Display) -> Self {
        Self::Malformed(field_error(field, message))
    }

    /// 422 for one field.
    pub fn invalid(field: &str, message: impl Display) -> Self {
        Self::Invalid(vec![field_error(field, message)])
    }
}

/// What is wrong with the fields of one body, gathered so that all of it is told at once.
#[derive(Debug, Default)]
pub struct ValidationErrors(Vec<FieldError>);

impl ValidationErrors {
    /// The parsed value; without one, the field and why are kept.
    pub fn check<T, E: Display>(&mut self, field: &str, parsed: Result<T, E>) -> Option<T> {
        parsed.map_err(|error| self.0.push(field_error(field, error))).ok()
    }

    /// The same for a field that may be absent.
    pub fn check_given<T, E: Display>(
        &mut self,
        field: &str,
        parsed: Option<Result<T, E>>,
    ) -> Option<T> {
        parsed.and_then(|parsed| self.check(field, parsed))
    }

    /// 422 if there is one.
    pub fn none(self) -> Result<(), ApiError> {
        if self.0.is_empty() { Ok(()) } else { Err(self.into()) }
    }
}

impl From<ValidationErrors> for ApiError {
    fn from(ValidationErrors(errors): ValidationErrors) -> Self {
        Self::Invalid(errors)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, message, errors) = match self {
            Self::Malformed(error) => (StatusCode::BAD_REQUEST, by_itself(&error), vec![error]),
            Self::Unreadable(status) => (status, unreadable(status).to_owned(), Vec::new()),
            Self::Unauthenticated(message) => return unauthorized(message, CHALLENGE.to_owned()),
            Self::InvalidToken(message) => {
                let why = format!("error=\"invalid_token\", error_description=\"{message}\"");
                return unauthorized(message, format!("{CHALLENGE}, {why}"));
            }
            Self::NoSuchRoute => {
                (StatusCode::NOT_FOUND, "there is no such route".to_owned(), Vec::new())
            }
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                "this route has other methods".to_owned(),
                Vec::new(),
            ),
            Self::TooSlow => return too_slow(),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "the body is larger than this server takes".to_owned(),
                Vec::new(),
            ),
            Self::UnsupportedMediaType(wanted) => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("send {wanted}, in UTF-8"), Vec::new())
            }
            Self::UnsupportedEncoding => return packed(),
            Self::PreconditionRequired(how) => (
                StatusCode::PRECONDITION_REQUIRED,
                "say which version you change: send its ETag as If-Match".to_owned(),
                vec![field_error(Reason::IfMatch.name(), how)],
            ),
            Self::Invalid(errors) => {
                let message = match errors.as_slice() {
                    [error] => by_itself(error),
                    many => format!("{} fields need a correction", many.len()),
                };
                (StatusCode::UNPROCESSABLE_ENTITY, message, errors)
            }
            Self::Refused(Refusal::InProgress) => {
                let failure = render::refusal_response(&Refusal::InProgress);
                return (retry_after(), failure).into_response();
            }
            Self::Refused(refusal) => return render::refusal_response(&refusal),
            Self::LimitReached { retry_after_seconds, headers } => {
                return limit_reached(retry_after_seconds, &headers);
            }
            Self::Unavailable(cause) => {
                tracing::warn!(%cause, "answered 503");
                return unavailable(
                    "the server can't answer right now, ask again with the same idempotency key",
                    Vec::new(),
                );
            }
            Self::Unguarded => {
                return unavailable(
                    UNGUARDED,
                    vec![field_error(Reason::Unguarded.name(), UNGUARDED)],
                );
            }
            Self::Internal(cause) => {
                tracing::error!(%cause, "answered 500");
                (
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "the server made a mistake".to_owned(),
                    Vec::new(),
                )
            }
        };
        render::failure(status, &message, errors)
    }
}

fn field_error(field: &str, message: impl Display) -> FieldError {
    FieldError { field: field.to_owned(), message: message.to_string() }
}

/// The message where it is the only error: whoever reads no more than this has to learn which field it is about.
fn by_itself(error: &FieldError) -> String {
    format!("{}: {}", error.field, error.message)
}

fn unreadable(status: StatusCode) -> &'static str {
    match status {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            "the request line and the headers are larger than this server takes"
        }
        StatusCode::URI_TOO_LONG => "the path is longer than this server takes",
        _ => "this can't be read as HTTP/1.1",
    }
}

/// Says what would do, too. Source: RFC 9110 section 15.5.16.
fn packed() -> Response {
    let message = "send the body as it is, without a Content-Encoding";
    let failure = render::failure(StatusCode::UNSUPPORTED_MEDIA_TYPE, message, Vec::new());
    ([(header::ACCEPT_ENCODING, "identity")], failure).into_response()
}

fn unauthorized(message: &str, challenge: String) -> Response {
    let failure = render::failure(StatusCode::UNAUTHORIZED, message, Vec::new());
    ([(header::WWW_AUTHENTICATE, challenge)], failure).into_response()
}

fn too_slow() -> Response {
    let message = "the body did not come in time, send it again on a faster connection";
    let failure = render::failure(StatusCode::REQUEST_TIMEOUT, message, Vec::new());
    // The rest of the body, should it come, must not be read as another request.
    ([(header::CONNECTION, "close")], failure).into_response()
}

fn limit_reached(retry_after_seconds: u64, headers: &LimitHeaders) -> Response {
    let message = format!("too many requests, come back in {retry_after_seconds} s");
    let errors = vec![field_error(Reason::RateLimit.name(), &message)];
    let failure = render::failure(StatusCode::TOO_MANY_REQUESTS, &message, errors);
    let wait = [(header::RETRY_AFTER, retry_after_seconds.to_string())];
    let mut response = (wait, failure).into_response();
    headers.put_on(&mut response);
    response
}

fn unavailable(message: &str, errors: Vec<FieldError>) -> Response {
    let failure = render::failure(StatusCode::SERVICE_UNAVAILABLE, message, errors);
    (retry_after(), failure).into_response()
}

fn retry_after() -> [(HeaderName, &'static str); 1] {
    [(header::RETRY_AFTER, RETRY_AFTER_SECONDS)]
}

impl From<BookingError> for ApiError {
    fn from(error: BookingError) -> Self {
        match error {
            BookingError::Refused(refusal) => Self::Refused(refusal),
            BookingError::Storage(error) => error.into(),
            BookingError::LocksUnreachable | BookingError::PaymentUnknown(_) => {
                Self::Unavailable(error.to_string())
            }
            BookingError::KeyUsed => Self::Internal(error.to_string()),
        }
    }
}

impl From<AccountError> for ApiError {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::WrongCredentials => {
                Self::Unauthenticated("the address or the password is wrong")
            }
            AccountError::TokenRefused => {
                Self::Unauthenticated("the refresh token does not hold, log in again")
            }
            AccountError::Busy => Self::Unavailable(error.to_string()),
            AccountError::Storage(error) => error.into(),
            AccountError::Broken(cause) => Self::Internal(cause),
        }
    }
}

impl From<StorageError> for ApiError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Unavailable(_) | StorageError::Contended(_) => {
                Self::Unavailable(error.to_string())
            }
            StorageError::Unguarded => Self::Unguarded,
            StorageError::Constraint { .. }
            | StorageError::Impossible(_)
            | StorageError::Broken(_) => Self::Internal(error.to_string()),
        }
    }
}

impl From<PathRejection> for ApiError {
    fn from(rejection: PathRejection) -> Self {
        Self::Malformed(parse_errors::of_path(&rejection))
    }
}

impl From<QueryRejection> for ApiError {
    fn from(rejection: QueryRejection) -> Self {
        Self::Malformed(parse_errors::of_query(&rejection))
    }
}

/// The answer where no route is.
pub async fn no_such_route() -> ApiError {
    ApiError::NoSuchRoute
}

/// The answer where the route has other methods.
pub async fn method_not_allowed() -> ApiError {
    ApiError::MethodNotAllowed
}
