//! Paying for a reservation, and reading what was bought.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use uuid::Uuid;

use super::error::ApiError;
use super::extract::{Caller, Keyed};
use super::{App, layers, render};
use crate::booking::confirm;
use crate::booking::confirm::ConfirmOrder;
use crate::domain::{Booking, BookingId, Refusal, ReservationId};
use crate::storage::bookings;
use crate::wire;

/// Longest token of a payment method, in characters.
const METHOD_LENGTH_MAX: usize = 200;

/// `POST /api/v1/bookings/confirm`: 201 with the booking.
pub async fn confirm(
    State(app): State<App>,
    keyed: Keyed<wire::ConfirmBooking>,
) -> Result<Response, ApiError> {
    let Keyed { body, request } = keyed;
    if body.payment_method.is_empty() || body.payment_method.chars().count() > METHOD_LENGTH_MAX {
        let message = format!("a payment method is 1 to {METHOD_LENGTH_MAX} characters");
        return Err(ApiError::Invalid { field: "payment_method", message });
    }
    if body.payment_method.contains('\0') {
        let message = "a payment method has no NUL character".to_owned();
        return Err(ApiError::Invalid { field: "payment_method", message });
    }
    let order = ConfirmOrder {
        reservation: ReservationId(body.reservation_id),
        method: body.payment_method,
        request,
    };
    let desk = Arc::clone(&app.desk);
    let answer =
        layers::to_its_end(&app, async move { confirm::confirm(&desk, &order).await }).await??;
    Ok(render::answer(answer))
}

/// `GET /api/v1/bookings/{id}`: its owner's, and an admin's.
pub async fn show(
    State(app): State<App>,
    caller: Caller,
    id: Result<Path<Uuid>, PathRejection>,
) -> Result<Response, ApiError> {
    let Path(id) = id?;
    let mut connection = app.desk.storage.connection().await?;
    shown(&caller, bookings::find(&mut connection, BookingId(id)).await?)
}

/// `GET /api/v1/bookings/reference/{reference}`: its owner's, and an admin's.
pub async fn show_by_reference(
    State(app): State<App>,
    caller: Caller,
    reference: Result<Path<String>, PathRejection>,
) -> Result<Response, ApiError> {
    let Path(reference) = reference?;
    if !reference.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(ApiError::Refused(Refusal::NotFound("booking")));
    }
    let mut connection = app.desk.storage.connection().await?;
    shown(&caller, bookings::find_by_reference(&mut connection, &reference).await?)
}

fn shown(caller: &Caller, found: Option<Booking>) -> Result<Response, ApiError> {
    let booking = found.ok_or(ApiError::Refused(Refusal::NotFound("booking")))?;
    if !caller.may_read(booking.user) {
        return Err(ApiError::Refused(Refusal::NotOwner("booking")));
    }
    Ok(render::ok(wire::Booking::from(&booking), "ok"))
}
