//! Paying for a reservation, or for seats in one step; reading what was bought; cancelling it.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use uuid::Uuid;

use super::app::App;
use super::auth::Caller;
use super::error::ApiError;
use super::extract::QueryParams;
use super::keyed::Keyed;
use super::paging::{self, PageQuery};
use super::{render, wanted};
use crate::booking::confirm::ConfirmRequest;
use crate::booking::purchase::{self, PurchaseRequest};
use crate::booking::{cancel_booking, confirm};
use crate::domain::text::check_line;
use crate::domain::{Booking, BookingId, EventId, Reference, Refusal, ReservationId, UserId};
use crate::storage::bookings::{self, By};
use crate::wire;

/// Longest token of a payment method, in characters.
const METHOD_LENGTH_MAX: usize = 200;

/// Pay for a reservation.
#[utoipa::path(post, path = "/api/v1/bookings/confirm", operation_id = "confirm_booking", tag = "bookings",
    params(("idempotency-key" = String, Header, description = "Names this operation; a retry carries the same", min_length = 1, max_length = 255)),
    request_body = wire::ConfirmBooking,
    responses((status = 201, description = "The booking", body = wire::Success<wire::Booking>),
              (status = 402, description = "The payment was declined"),
              (status = 404, description = "There is no such reservation"),
              (status = 409, description = "It is being paid for under another key, or its event was cancelled"),
              (status = 410, description = "The hold ended; what was captured is refunded")))]
pub async fn confirm(
    State(app): State<App>,
    keyed: Keyed<wire::ConfirmBooking>,
) -> Result<Response, ApiError> {
    let Keyed { body, request } = keyed;
    let reservation = ReservationId(body.reservation_id);
    let order = ConfirmRequest { reservation, method: method(body.payment_method)?, request };
    let context = Arc::clone(&app.context);
    let answer =
        app.run_to_completion(async move { confirm::confirm(&context, &order).await }).await??;
    Ok(render::answer(answer))
}

/// Hold seats and pay for them in one step.
#[utoipa::path(post, path = "/api/v1/bookings", operation_id = "create_booking", tag = "bookings",
    params(("idempotency-key" = String, Header, description = "Names this operation; a retry carries the same", min_length = 1, max_length = 255)),
    request_body = wire::CreateBooking,
    responses((status = 201, description = "The booking", body = wire::Success<wire::Booking>),
              (status = 402, description = "The payment was declined; the hold is gone with it"),
              (status = 404, description = "There is no such event"),
              (status = 409, description = "Seats are taken, too few tickets are left, the event is not on sale or its sale ended, or a limit for one user is reached"),
              (status = 410, description = "The hold ended; what was captured is refunded"),
              (status = 422, description = "Seats are not the event's, or are to be named")))]
pub async fn create(
    State(app): State<App>,
    keyed: Keyed<wire::CreateBooking>,
) -> Result<Response, ApiError> {
    let Keyed { body, request } = keyed;
    let order = PurchaseRequest {
        event: EventId(body.event_id),
        wanted: wanted::parse(body.seat_ids, body.quantity)?,
        ttl: app.hold_ttl,
        method: method(body.payment_method)?,
        request,
    };
    let context = Arc::clone(&app.context);
    let answer =
        app.run_to_completion(async move { purchase::purchase(&context, &order).await }).await??;
    Ok(render::answer(answer))
}

fn method(method: String) -> Result<String, ApiError> {
    check_line(&method, METHOD_LENGTH_MAX)
        .map_err(|error| ApiError::invalid("payment_method", error))?;
    Ok(method)
}

/// List the caller's bookings, newest first.
#[utoipa::path(get, path = "/api/v1/bookings", operation_id = "list_bookings", tag = "bookings",
    params(PageQuery),
    responses((status = 200, description = "A page of bookings", body = wire::Success<Vec<wire::Booking>>)))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    QueryParams(page): QueryParams<PageQuery>,
) -> Result<Response, ApiError> {
    page_of(&app, caller.user, &page).await
}

/// List a user's bookings, newest first.
#[utoipa::path(get, path = "/api/v1/bookings/user/{user_id}", operation_id = "list_bookings_of_user", tag = "bookings",
    params(("user_id" = Uuid, Path, description = "Whose; a user's own id is in the tokens"), PageQuery),
    responses((status = 200, description = "A page of bookings", body = wire::Success<Vec<wire::Booking>>)))]
pub async fn list_of_user(
    State(app): State<App>,
    caller: Caller,
    user: Result<Path<Uuid>, PathRejection>,
    QueryParams(page): QueryParams<PageQuery>,
) -> Result<Response, ApiError> {
    let Path(user) = user?;
    if !caller.may_use(UserId(user)) {
        return Err(ApiError::Refused(Refusal::NotOwner("list")));
    }
    page_of(&app, UserId(user), &page).await
}

async fn page_of(app: &App, user: UserId, page: &PageQuery) -> Result<Response, ApiError> {
    let (after, limit) = page.read()?;
    let mut connection = app.context.storage.connection().await?;
    let rows = bookings::list_of_user(&mut connection, user, after, limit).await?;
    Ok(paging::newest_first::<_, wire::Booking>(&rows, limit, |row| row.id.0))
}

/// Read a booking.
#[utoipa::path(get, path = "/api/v1/bookings/{id}", operation_id = "read_booking", tag = "bookings",
    params(("id" = Uuid, Path, description = "The booking")),
    responses((status = 200, description = "The booking", body = wire::Success<wire::Booking>),
              (status = 404, description = "There is no such booking")))]
pub async fn show(
    State(app): State<App>,
    caller: Caller,
    id: Result<Path<Uuid>, PathRejection>,
) -> Result<Response, ApiError> {
    let Path(id) = id?;
    let mut connection = app.context.storage.connection().await?;
    shown(caller, bookings::find(&mut connection, By::Id(BookingId(id))).await?)
}

/// Read a booking by the reference its owner quotes.
#[utoipa::path(get, path = "/api/v1/bookings/reference/{reference}", operation_id = "read_booking_by_reference", tag = "bookings",
    params(("reference" = String, Path, description = "The booking's reference", example = "7Q2M9X4KJ0")),
    responses((status = 200, description = "The booking", body = wire::Success<wire::Booking>),
              (status = 404, description = "There is no such booking")))]
pub async fn show_by_reference(
    State(app): State<App>,
    caller: Caller,
    reference: Result<Path<String>, PathRejection>,
) -> Result<Response, ApiError> {
    let Path(reference) = reference?;
    let reference =
        Reference::parse(&reference).ok_or(ApiError::Refused(Refusal::NotFound("booking")))?;
    let mut connection = app.context.storage.connection().await?;
    shown(caller, bookings::find(&mut connection, By::Reference(reference.as_str())).await?)
}

fn shown(caller: Caller, found: Option<Booking>) -> Result<Response, ApiError> {
    let booking = found.ok_or(ApiError::Refused(Refusal::NotFound("booking")))?;
    if !caller.may_use(booking.user) {
        return Err(ApiError::Refused(Refusal::NotOwner("booking")));
    }
    Ok(render::ok(wire::Booking::from(&booking), "ok"))
}

/// Cancel a booking.
///
/// Its seats are free again, and its payment is refunded. Asking again changes nothing.
#[utoipa::path(patch, path = "/api/v1/bookings/{id}/cancel", operation_id = "cancel_booking", tag = "bookings",
    params(("id" = Uuid, Path, description = "The booking")),
    responses((status = 200, description = "The cancelled booking", body = wire::Success<wire::Booking>),
              (status = 404, description = "There is no such booking"),
              (status = 409, description = "A ticket of it was used, its event is over, or it is not confirmed")))]
pub async fn cancel(
    State(app): State<App>,
    caller: Caller,
    id: Result<Path<Uuid>, PathRejection>,
) -> Result<Response, ApiError> {
    let Path(id) = id?;
    let context = Arc::clone(&app.context);
    let cancelled = app
        .run_to_completion(async move {
            cancel_booking::cancel(&context, (caller.user, caller.role), BookingId(id)).await
        })
        .await??;
    Ok(render::ok(wire::Booking::from(&cancelled), "booking cancelled, its payment is refunded"))
}
