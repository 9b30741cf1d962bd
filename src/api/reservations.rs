//! Holding seats, keeping them a little longer, and giving them up.

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
use crate::booking::hold::HoldRequest;
use crate::booking::{cancel as cancelling, extend as extending, hold};
use crate::domain::{EventId, HoldTtl, Refusal, ReservationId, UserId};
use crate::storage::reservations;
use crate::wire;

/// Hold seats: all of them or none.
///
/// They are the caller's until `expires_at`.
#[utoipa::path(post, path = "/api/v1/reservations", operation_id = "create_reservation", tag = "reservations",
    params(("idempotency-key" = String, Header, description = "Names this operation; a retry carries the same", min_length = 1, max_length = 255)),
    request_body = wire::CreateReservation,
    responses((status = 201, description = "The reservation", body = wire::Success<wire::Reservation>),
              (status = 404, description = "There is no such event"),
              (status = 409, description = "Seats are taken, too few tickets are left, the event is not on sale or its sale ended, or a limit for one user is reached"),
              (status = 422, description = "Seats are not the event's, or are to be named")))]
pub async fn create(
    State(app): State<App>,
    keyed: Keyed<wire::CreateReservation>,
) -> Result<Response, ApiError> {
    let Keyed { body, request } = keyed;
    let wanted = wanted::parse(body.seat_ids, body.quantity)?;
    let ttl = match body.ttl_seconds {
        Some(seconds) => HoldTtl::at_most(seconds, app.hold_ttl)
            .map_err(|error| ApiError::invalid("ttl_seconds", error))?,
        None => app.hold_ttl,
    };
    let id = ReservationId(app.context.entropy.uuid());
    let hold_request = HoldRequest { id, event: EventId(body.event_id), wanted, ttl, request };
    let context = Arc::clone(&app.context);
    let answer =
        app.run_to_completion(async move { hold::hold(&context, &hold_request).await }).await??;
    Ok(render::answer(answer))
}

/// Read a reservation.
#[utoipa::path(get, path = "/api/v1/reservations/{id}", operation_id = "read_reservation", tag = "reservations",
    params(("id" = Uuid, Path, description = "The reservation")),
    responses((status = 200, description = "The reservation", body = wire::Success<wire::Reservation>),
              (status = 404, description = "There is no such reservation")))]
pub async fn show(
    State(app): State<App>,
    caller: Caller,
    id: Result<Path<Uuid>, PathRejection>,
) -> Result<Response, ApiError> {
    let Path(id) = id?;
    let mut connection = app.context.storage.connection().await?;
    let found = reservations::find(&mut connection, ReservationId(id)).await?;
    let reservation = found.ok_or(ApiError::Refused(Refusal::NotFound("reservation")))?;
    if !caller.may_use(reservation.user) {
        return Err(ApiError::Refused(Refusal::NotOwner("reservation")));
    }
    Ok(render::ok(wire::Reservation::from(&reservation), "ok"))
}

/// List a user's reservations, newest first.
#[utoipa::path(get, path = "/api/v1/reservations/user/{user_id}", operation_id = "list_reservations_of_user", tag = "reservations",
    params(("user_id" = Uuid, Path, description = "Whose; a user's own id is in the tokens"), PageQuery),
    responses((status = 200, description = "A page of reservations", body = wire::Success<Vec<wire::Reservation>>)))]
pub async fn list_of_user(
    State(app): State<App>,
    caller: Caller,
    user: Result<Path<Uuid>, PathRejection>,
    QueryParams(page): QueryParams<PageQuery>,
) -> Result<Response, ApiError> {
    let Path(user) = user?;
    let user = UserId(user);
    if !caller.may_use(user) {
        return Err(ApiError::Refused(Refusal::NotOwner("list")));
    }
    let (after, limit) = page.read()?;
    let mut connection = app.context.storage.connection().await?;
    let rows = reservations::list_of_user(&mut connection, user, after, limit).await?;
    Ok(paging::newest_first::<_, wire::Reservation>(&rows, limit, |row| row.id.0))
}

/// Keep a hold for as long again as it was made for, once.
#[utoipa::path(post, path = "/api/v1/reservations/{id}/extend", operation_id = "extend_reservation", tag = "reservations",
    params(("id" = Uuid, Path, description = "The reservation")),
    responses((status = 200, description = "The reservation with its later end", body = wire::Success<wire::Reservation>),
              (status = 404, description = "There is no such reservation"),
              (status = 409, description = "It was extended before, or its event's sale has ended"),
              (status = 410, description = "It ended")))]
pub async fn extend(
    State(app): State<App>,
    caller: Caller,
    id: Result<Path<Uuid>, PathRejection>,
) -> Result<Response, ApiError> {
    let Path(id) = id?;
    let context = Arc::clone(&app.context);
    let extended = app
        .run_to_completion(async move {
            extending::extend(&context, caller.user, ReservationId(id)).await
        })
        .await??;
    Ok(render::ok(wire::Reservation::from(&extended), "reservation extended"))
}

/// Give a hold up.
///
/// Asking again changes nothing.
#[utoipa::path(delete, path = "/api/v1/reservations/{id}", operation_id = "cancel_reservation", tag = "reservations",
    params(("id" = Uuid, Path, description = "The reservation")),
    responses((status = 200, description = "The cancelled reservation", body = wire::Success<wire::Reservation>),
              (status = 404, description = "There is no such reservation"),
              (status = 410, description = "It ended before: by a sale, or because its time ran out")))]
pub async fn cancel(
    State(app): State<App>,
    caller: Caller,
    id: Result<Path<Uuid>, PathRejection>,
) -> Result<Response, ApiError> {
    let Path(id) = id?;
    let context = Arc::clone(&app.context);
    let user = caller.user;
    let cancelled = app
        .run_to_completion(
            async move { cancelling::cancel(&context, user, ReservationId(id)).await },
        )
        .await??;
    Ok(render::ok(wire::Reservation::from(&cancelled), "reservation cancelled"))
}
