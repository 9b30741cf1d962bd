//! Reads of events, seats and availability: open to everybody, calculated for each answer.

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::Deserialize;
use uuid::Uuid;

use super::error::ApiError;
use super::{App, render};
use crate::domain::{EventId, Refusal};
use crate::storage::{events, seats};
use crate::wire;

const EVENTS_PER_PAGE: i64 = 100;
const SEATS_PER_PAGE: i64 = 1000;

/// `?cursor=`, as the last page's `meta.next_cursor` had it.
#[derive(Debug, Deserialize)]
pub struct After<C> {
    cursor: Option<C>,
}

/// `GET /api/v1/events`.
pub async fn list(
    State(app): State<App>,
    after: Result<Query<After<Uuid>>, QueryRejection>,
) -> Result<Response, ApiError> {
    let Query(after) = after?;
    let mut connection = app.desk.storage.connection().await?;
    let rows = events::list(&mut connection, after.cursor, EVENTS_PER_PAGE).await?;
    let next = next_cursor(&rows, EVENTS_PER_PAGE, |row| row.id.to_string());
    let page: Vec<wire::Event> = rows.into_iter().map(wire::Event::from).collect();
    Ok(render::page(page, next))
}

/// `GET /api/v1/events/{id}`.
pub async fn show(
    State(app): State<App>,
    id: Result<Path<Uuid>, PathRejection>,
) -> Result<Response, ApiError> {
    let Path(id) = id?;
    let mut connection = app.desk.storage.connection().await?;
    let found = events::find(&mut connection, EventId(id)).await?;
    let event = found.ok_or(ApiError::Refused(Refusal::NotFound("event")))?;
    Ok(render::ok(wire::Event::from(event), "ok"))
}

/// `GET /api/v1/events/{id}/seats`.
pub async fn seats(
    State(app): State<App>,
    id: Result<Path<Uuid>, PathRejection>,
    after: Result<Query<After<i64>>, QueryRejection>,
) -> Result<Response, ApiError> {
    let (Path(id), Query(after)) = (id?, after?);
    let mut connection = app.desk.storage.connection().await?;
    let rows = seats::list(&mut connection, EventId(id), after.cursor.unwrap_or(0), SEATS_PER_PAGE)
        .await?;
    let next = next_cursor(&rows, SEATS_PER_PAGE, |row| row.id.to_string());
    let page: Vec<wire::Seat> = rows.into_iter().map(wire::Seat::from).collect();
    Ok(render::page(page, next))
}

/// `GET /api/v1/events/{id}/availability`.
pub async fn availability(
    State(app): State<App>,
    id: Result<Path<Uuid>, PathRejection>,
) -> Result<Response, ApiError> {
    let Path(id) = id?;
    let mut connection = app.desk.storage.connection().await?;
    let counts = seats::count(&mut connection, EventId(id)).await?;
    if counts.total == 0 && events::find(&mut connection, EventId(id)).await?.is_none() {
        return Err(ApiError::Refused(Refusal::NotFound("event")));
    }
    let available = counts.total - counts.held - counts.sold;
    let body = wire::Availability {
        event_id: id,
        total: counts.total,
        available,
        held: counts.held,
        sold: counts.sold,
    };
    Ok(render::ok(body, "ok"))
}

fn next_cursor<R>(rows: &[R], per_page: i64, cursor: fn(&R) -> String) -> Option<String> {
    let full = i64::try_from(rows.len()) == Ok(per_page);
    rows.last().filter(|_| full).map(cursor)
}
