//! Errors and their status codes. Use cases return `BookingError`, whose variants a caller acts on; this file alone
//! decides how each looks from outside. Causes inside the server are logged once, here, and never sent.

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::limits::Counted;
use super::render;
use crate::accounts::AccountError;
use crate::booking::BookingError;
use crate::domain::Refusal;
use crate::storage::StorageError;
use crate::wire::FieldError;

/// What a client is told to wait before it asks again, in seconds.
const RETRY_AFTER_SECONDS: &str = "1";

/// A request that wasn't answered as asked.
#[derive(Debug)]
pub enum ApiError {
    /// 400: a header, path, query or body that can't be read.
    Malformed {
        /// Where.
        field: &'static str,
        /// Why.
        message: String,
    },
    /// 401: no token, or one that doesn't hold.
    Unauthenticated(&'static str),
    /// 404: no such route.
    NoSuchRoute,
    /// 405: the route has other methods.
    MethodNotAllowed,
    /// 413: a body larger than the limit.
    TooLarge,
    /// 415: a body of another kind than the route takes.
    UnsupportedMediaType(&'static str),
    /// 428: a change that doesn't say which version it was made from.
    PreconditionRequired,
    /// 422: a body that can be read and makes no sense.
    Invalid {
        /// Which field.
        field: &'static str,
        /// Why.
        message: String,
    },
    /// As [`status_of`] says: a definite refusal.
    Refused(Refusal),
    /// 429 with Retry-After: too many requests within the window.
    LimitReached {
        /// When there is room for one more.
        retry_after_seconds: u64,
        /// What the headers say.
        counted: Counted,
    },
    /// 503 with Retry-After: a dependency failed or was too slow. What was under way may have happened.
    Unavailable(String),
    /// 500: a defect of ours.
    Internal(String),
}

/// The status of a refusal.
pub fn status_of(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::SeatsUnavailable(_)
        | Refusal::Contended
        | Refusal::NotEnoughLeft(_)
        | Refusal::NotOnSale(_)
        | Refusal::TicketLimit(_)
        | Refusal::NoSuchStep(..)
        | Refusal::NotDraft(_)
        | Refusal::OnSale
        | Refusal::NoSeats
        | Refusal::AlreadyExtended
        | Refusal::BookingEnded(_)
        | Refusal::EventOver
        | Refusal::TicketUsed(_)
        | Refusal::TicketCancelled
        | Refusal::AlreadyPaying
        | Refusal::InProgress => StatusCode::CONFLICT,
        Refusal::UnknownSeats(_) | Refusal::SeatsHavePlaces | Refusal::KeyReused => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        Refusal::NotFound(_) => StatusCode::NOT_FOUND,
        Refusal::NotOwner(_) | Refusal::RoleNotAllowed(_) => StatusCode::FORBIDDEN,
        Refusal::ReservationEnded(_) | Refusal::RefundedAfterLoss => StatusCode::GONE,
        Refusal::Changed => StatusCode::PRECONDITION_FAILED,
        Refusal::PaymentDeclined => StatusCode::PAYMENT_REQUIRED,
    }
}

/// The machine-readable reason of a refusal: the `field` of its one error.
pub fn reason_of(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::SeatsUnavailable(_) => "seat_unavailable",
        Refusal::Contended => "seat_contended",
        Refusal::UnknownSeats(_) => "seat_ids",
        Refusal::NotEnoughLeft(_) => "sold_out",
        Refusal::SeatsHavePlaces => "quantity",
        Refusal::NotOnSale(_) => "not_on_sale",
        Refusal::TicketLimit(_) => "ticket_limit",
        Refusal::Changed => "if_match",
        Refusal::NoSuchStep(..) | Refusal::OnSale => "status",
        Refusal::NotDraft(_) => "not_draft",
        Refusal::NoSeats => "no_seats",
        Refusal::NotFound(_) => "not_found",
        Refusal::NotOwner(_) => "not_owner",
        Refusal::RoleNotAllowed(_) => "role",
        Refusal::ReservationEnded(_) => "reservation_ended",
        Refusal::AlreadyExtended => "already_extended",
        Refusal::BookingEnded(_) => "booking_ended",
        Refusal::EventOver => "event_over",
        Refusal::TicketUsed(_) => "ticket_used",
        Refusal::TicketCancelled => "ticket_cancelled",
        Refusal::AlreadyPaying => "already_paying",
        Refusal::PaymentDeclined => "payment_declined",
        Refusal::RefundedAfterLoss => "refunded",
        Refusal::KeyReused | Refusal::InProgress => "idempotency_key",
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, message, errors) = match self {
            Self::Malformed { field, message } => {
                (StatusCode::BAD_REQUEST, message.clone(), one(field, message))
            }
            Self::Unauthenticated(message) => {
                let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
                let failure = render::failure(StatusCode::UNAUTHORIZED, message, Vec::new());
                return (challenge, failure).into_response();
            }
            Self::NoSuchRoute => {
                (StatusCode::NOT_FOUND, "there is no such route".to_owned(), Vec::new())
            }
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                "this route has other methods".to_owned(),
                Vec::new(),
            ),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "the body is larger than this server takes".to_owned(),
                Vec::new(),
            ),
            Self::UnsupportedMediaType(wanted) => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("send {wanted}, in UTF-8"), Vec::new())
            }
            Self::PreconditionRequired => (
                StatusCode::PRECONDITION_REQUIRED,
                "say which version you change: send its ETag as If-Match".to_owned(),
                one("if_match", "missing".to_owned()),
            ),
            Self::Invalid { field, message } => {
                (StatusCode::UNPROCESSABLE_ENTITY, message.clone(), one(field, message))
            }
            Self::Refused(Refusal::InProgress) => {
                let failure = render::refusal_response(&Refusal::InProgress);
                return (retry_after(), failure).into_response();
            }
            Self::Refused(refusal) => return render::refusal_response(&refusal),
            Self::LimitReached { retry_after_seconds, counted } => {
                let message = format!("too many requests, come back in {retry_after_seconds} s");
                let errors = one("rate_limit", message.clone());
                let failure = render::failure(StatusCode::TOO_MANY_REQUESTS, &message, errors);
                let wait = [(header::RETRY_AFTER, retry_after_seconds.to_string())];
                let mut response = (wait, failure).into_response();
                counted.tell(&mut response);
                return response;
            }
            Self::Unavailable(cause) => {
                tracing::warn!(%cause, "answered 503");
                let message =
                    "the server can't answer right now, ask again with the same idempotency key";
                let failure = render::failure(StatusCode::SERVICE_UNAVAILABLE, message, Vec::new());
                return (retry_after(), failure).into_response();
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

fn one(field: &str, message: String) -> Vec<FieldError> {
    vec![FieldError { field: field.to_owned(), message }]
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
            StorageError::Constraint { .. }
            | StorageError::Impossible(_)
            | StorageError::Broken(_) => Self::Internal(error.to_string()),
        }
    }
}

impl From<PathRejection> for ApiError {
    fn from(rejection: PathRejection) -> Self {
        Self::Malformed { field: "path", message: rejection.body_text() }
    }
}

impl From<QueryRejection> for ApiError {
    fn from(rejection: QueryRejection) -> Self {
        Self::Malformed { field: "query", message: rejection.body_text() }
    }
}

impl From<JsonRejection> for ApiError {
    fn from(rejection: JsonRejection) -> Self {
        Self::Malformed { field: "body", message: rejection.body_text() }
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
