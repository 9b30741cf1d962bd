//! Tickets: read and drawn for their buyers, used up at check-in.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use qrcode::QrCode;
use qrcode::render::svg;

use super::app::App;
use super::auth::Caller;
use super::error::ApiError;
use super::render;
use crate::booking::check_in;
use crate::domain::{Refusal, Role};
use crate::storage::tickets::{self, Ticket};
use crate::wire;

/// Draw a ticket's QR code, which says its number.
#[utoipa::path(get, path = "/api/v1/tickets/{number}/qr", operation_id = "draw_ticket", tag = "tickets",
    params(("number" = String, Path, description = "The ticket's number", example = "7Q2M9X4KJ0B6T3VZ8NRE5HWGC")),
    responses((status = 200, description = "An SVG", body = String, content_type = "image/svg+xml"),
              (status = 404, description = "There is no such ticket"),
              (status = 409, description = "The ticket was cancelled")))]
pub async fn qr(
    State(app): State<App>,
    caller: Caller,
    number: Result<Path<String>, PathRejection>,
) -> Result<Response, ApiError> {
    let Path(number) = number?;
    let ticket = find(&app, &number).await?;
    if !caller.may_use(ticket.buyer) {
        return Err(ApiError::Refused(Refusal::NotOwner("ticket")));
    }
    if !ticket.live {
        return Err(ApiError::Refused(Refusal::TicketCancelled));
    }
    let code = QrCode::new(ticket.number.as_bytes())
        .map_err(|error| ApiError::Internal(error.to_string()))?;
    let drawing = code.render::<svg::Color<'_>>().min_dimensions(240, 240).build();
    Ok(([(header::CONTENT_TYPE, "image/svg+xml")], drawing).into_response())
}

/// Let a ticket's bearer in, exactly once a ticket.
#[utoipa::path(post, path = "/api/v1/tickets/{number}/check-in", operation_id = "check_in_ticket", tag = "tickets",
    params(("number" = String, Path, description = "The ticket's number", example = "7Q2M9X4KJ0B6T3VZ8NRE5HWGC")),
    responses((status = 200, description = "Let them in", body = wire::Success<wire::CheckIn>),
              (status = 404, description = "There is no such ticket"),
              (status = 409, description = "The ticket was used, or cancelled")))]
pub async fn check_in(
    State(app): State<App>,
    caller: Caller,
    number: Result<Path<String>, PathRejection>,
) -> Result<Response, ApiError> {
    let Path(number) = number?;
    let ticket = find(&app, &number).await?;
    if caller.role != Role::Admin && ticket.organizer != Some(caller.user) {
        return Err(ApiError::Refused(Refusal::NotOwner("event")));
    }
    let at = check_in::check_in(&app.context, &ticket).await?;
    let body = wire::CheckIn {
        number: ticket.number,
        event_id: ticket.event.0,
        seat_id: ticket.seat.0,
        checked_in_at: at,
    };
    Ok(render::ok(body, "let them in"))
}

async fn find(app: &App, number: &str) -> Result<Ticket, ApiError> {
    let missing = || ApiError::Refused(Refusal::NotFound("ticket"));
    if !number.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(missing());
    }
    let mut connection = app.context.storage.connection().await?;
    tickets::find(&mut connection, number).await?.ok_or_else(missing)
}
