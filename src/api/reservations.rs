//! Holding seats and giving them up.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use uuid::Uuid;

use super::error::ApiError;
use super::extract::{Caller, Keyed};
use super::{App, layers, render};
use crate::booking::hold::HoldOrder;
use crate::booking::{cancel as cancelling, hold};
use crate::domain::{EventId, HoldTtl, Refusal, ReservationId, SeatSet};
use crate::storage::reservations;
use crate::wire;

/// `POST /api/v1/reservations`: 201 with the reservation.
pub async fn create(
    State(app): State<App>,
    keyed: Keyed<wire::CreateReservation>,
) -> Result<Response, ApiError> {
    let Keyed { body, request } = keyed;
    let invalid = |field, message| ApiError::Invalid { field, message };
    let seats =
        SeatSet::parse(body.seat_ids).map_err(|error| invalid("seat_ids", error.to_string()))?;
    let ttl = match body.ttl_seconds {
        Some(seconds) => HoldTtl::from_seconds(seconds)
            .map_err(|error| invalid("ttl_seconds", error.to_string()))?,
        None => app.hold_ttl,
    };
    let id = ReservationId(app.desk.entropy.uuid());
    let order = HoldOrder { id, event: EventId(body.event_id), seats, ttl, request };
    let desk = Arc::clone(&app.desk);
    let answer = layers::to_its_end(&app, async move { hold::hold(&desk, &order).await }).await??;
    Ok(render::answer(answer))
}

/// `GET /api/v1/reservations/{id}`: its owner's, and an admin's.
pub async fn show(
    State(app): State<App>,
    caller: Caller,
    id: Result<Path<Uuid>, PathRejection>,
) -> Result<Response, ApiError> {
    let Path(id) = id?;
    let mut connection = app.desk.storage.connection().await?;
    let found = reservations::find(&mut connection, ReservationId(id)).await?;
    let reservation = found.ok_or(ApiError::Refused(Refusal::NotFound("reservation")))?;
    if !caller.may_read(reservation.user) {
        return Err(ApiError::Refused(Refusal::NotOwner("reservation")));
    }
    Ok(render::ok(wire::Reservation::from(&reservation), "ok"))
}

/// `DELETE /api/v1/reservations/{id}`: 200 with the cancelled reservation, also when it was cancelled before.
pub async fn cancel(
    State(app): State<App>,
    caller: Caller,
    id: Result<Path<Uuid>, PathRejection>,
) -> Result<Response, ApiError> {
    let Path(id) = id?;
    let desk = Arc::clone(&app.desk);
    let user = caller.user;
    let cancelled = layers::to_its_end(&app, async move {
        cancelling::cancel(&desk, user, ReservationId(id)).await
    })
    .await??;
    Ok(render::ok(wire::Reservation::from(&cancelled), "reservation cancelled"))
}
