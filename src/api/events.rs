//! Events: found and read by everybody, prepared by their organizers.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use time::OffsetDateTime;
use uuid::Uuid;

use super::app::App;
use super::auth::Caller;
use super::error::{ApiError, ValidationErrors};
use super::extract::{Body, Csv, QueryParams};
use super::{cursor, etag, paging, render};
use crate::booking::events::{self as editing, Change, Editor, GeneralAdmission, NewEvent};
use crate::booking::{availability as counting, seat_map};
use crate::domain::event::{GENERAL_ADMISSION_MAX, PRICE_CENTS_MAX};
use crate::domain::{EventId, EventStatus, Refusal, Role, Text, TicketLimit, moment};
use crate::locks::availability::Counts;
use crate::storage::events::{self, Event, EventFilter};
use crate::storage::{StorageError, seats};
use crate::wire;

/// Seats in one page.
const SEATS_PER_PAGE: i64 = 1000;
/// Longest text to search for, in characters.
const SEARCH_LENGTH_MAX: usize = 200;

/// Which events, and which page of them.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventQuery {
    /// `published` unless given; `draft` lists the caller's own.
    status: Option<wire::EventStatus>,
    /// Starting then or later, RFC 3339.
    #[serde(default, with = "time::serde::rfc3339::option")]
    from: Option<OffsetDateTime>,
    /// Starting before, RFC 3339.
    #[serde(default, with = "time::serde::rfc3339::option")]
    to: Option<OffsetDateTime>,
    /// At this venue, in any case.
    #[param(max_length = 200)]
    venue: Option<String>,
    /// With a seat at this price or above, in cents.
    #[param(minimum = 0)]
    price_min: Option<i64>,
    /// With a seat at this price or below, in cents.
    #[param(minimum = 0)]
    price_max: Option<i64>,
    /// Words in title or venue, or their beginnings, as in a search box.
    #[param(max_length = 200)]
    q: Option<String>,
    /// Events in one page, 1 to 100.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// `meta.next_cursor` of the page before.
    cursor: Option<String>,
}

/// Find events, in the order of their start, with what is left of each.
///
/// What is left is calculated, at most five seconds old. Anybody may ask; with an access token, `status=draft` lists the
/// caller's own drafts.
#[utoipa::path(get, path = "/api/v1/events", operation_id = "list_events", tag = "events",
    params(EventQuery),
    responses((status = 200, description = "A page of events", body = wire::Success<Vec<wire::Event>>),
              (status = 401, description = "Drafts are listed for users only")))]
pub async fn list(
    State(app): State<App>,
    caller: Option<Caller>,
    QueryParams(query): QueryParams<EventQuery>,
) -> Result<Response, ApiError> {
    let filter = filter(query, caller)?;
    let found = {
        let mut connection = app.context.storage.connection().await?;
        events::list(&mut connection, &filter).await?
    };
    let next = paging::next_cursor(&found, filter.limit, |event| {
        cursor::write(event.starts_at, event.id.0)
    });
    let ids: Vec<EventId> = found.iter().map(|event| event.id).collect();
    let counts = counting::of(&app.context, &ids).await?;
    let listed = found.iter().zip(counts).map(|(event, counts)| wire::Event {
        availability: Some(availability_of(event.id, counts)),
        ..wire::Event::from(event)
    });
    Ok(render::page(listed.collect::<Vec<_>>(), next))
}

fn availability_of(event: EventId, counts: Counts) -> wire::Availability {
    let Counts { total, held, sold } = counts;
    wire::Availability { event_id: event.0, total, available: total - held - sold, held, sold }
}

fn filter(query: EventQuery, caller: Option<Caller>) -> Result<EventFilter, ApiError> {
    let status = query.status.map_or(EventStatus::Published, EventStatus::from);
    let organizer = match (status, caller) {
        (EventStatus::Draft, None) => {
            return Err(ApiError::Unauthenticated("send an access token to see your drafts"));
        }
        (EventStatus::Draft, Some(caller)) if caller.role != Role::Admin => Some(caller.user),
        _ => None,
    };
    Ok(EventFilter {
        status,
        organizer,
        from: search_time("from", query.from)?,
        to: search_time("to", query.to)?,
        venue: search_text("venue", query.venue)?,
        price_min: price("price_min", query.price_min)?,
        price_max: price("price_max", query.price_max)?,
        text: search_text("q", query.q)?,
        after: query.cursor.as_deref().map(cursor::read).transpose()?,
        limit: paging::rows_per_page(query.limit)?,
    })
}

fn price(field: &'static str, cents: Option<i64>) -> Result<Option<i64>, ApiError> {
    match cents {
        Some(cents) if cents < 0 => Err(ApiError::malformed(field, "a price is 0 cents or more")),
        cents => Ok(cents),
    }
}

fn search_time(
    field: &'static str,
    at: Option<OffsetDateTime>,
) -> Result<Option<OffsetDateTime>, ApiError> {
    at.map(moment).transpose().map_err(|error| ApiError::malformed(field, error))
}

fn search_text(field: &'static str, text: Option<String>) -> Result<Option<String>, ApiError> {
    let parsed = text.map(|text| Text::<SEARCH_LENGTH_MAX>::parse_optional(&text)).transpose();
    let parsed = parsed.map_err(|error| ApiError::malformed(field, error))?;
    Ok(parsed.map(|text| text.as_str().to_owned()).filter(|text| !text.is_empty()))
}

/// Read an event.
///
/// Anybody may; a draft is there for its organizer alone, by their access token.
#[utoipa::path(get, path = "/api/v1/events/{id}", operation_id = "read_event", tag = "events",
    params(("id" = Uuid, Path, description = "The event")),
    responses((status = 200, description = "The event", body = wire::Success<wire::Event>, headers(("ETag" = String, description = "The event's version, for If-Match"))),
              (status = 404, description = "There is no such event, or it is somebody else's draft")))]
pub async fn show(
    State(app): State<App>,
    caller: Option<Caller>,
    id: Result<Path<Uuid>, PathRejection>,
) -> Result<Response, ApiError> {
    let Path(id) = id?;
    let event = visible(&app, caller, EventId(id)).await?;
    Ok(shown(&event, "ok"))
}

/// The event, if this caller may know of it: a draft is its organizer's own.
async fn visible(app: &App, caller: Option<Caller>, id: EventId) -> Result<Event, ApiError> {
    let mut connection = app.context.storage.connection().await?;
    let found = events::find(&mut connection, id).await?;
    let knows = |event: &Event| {
        event.status != EventStatus::Draft
            || caller.is_some_and(|caller| {
                caller.role == Role::Admin || event.organizer == Some(caller.user)
            })
    };
    found.filter(knows).ok_or(ApiError::Refused(Refusal::NotFound("event")))
}

fn shown(event: &Event, message: &str) -> Response {
    etag::with_etag(render::ok(wire::Event::from(event), message), event.version)
}

/// `?cursor=` of a list of seats.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SeatQuery {
    /// `meta.next_cursor` of the page before.
    cursor: Option<i64>,
}

/// List an event's seats and what can be done with them, 1,000 a page.
#[utoipa::path(get, path = "/api/v1/events/{id}/seats", operation_id = "list_seats", tag = "events",
    params(("id" = Uuid, Path, description = "The event"), SeatQuery),
    responses((status = 200, description = "A page of seats", body = wire::Success<Vec<wire::Seat>>),
              (status = 404, description = "There is no such event, or it is somebody else's draft")))]
pub async fn seats(
    State(app): State<App>,
    caller: Option<Caller>,
    id: Result<Path<Uuid>, PathRejection>,
    QueryParams(query): QueryParams<SeatQuery>,
) -> Result<Response, ApiError> {
    let Path(id) = id?;
    let event = visible(&app, caller, EventId(id)).await?;
    let mut connection = app.context.storage.connection().await?;
    let rows = seats::list(&mut connection, event.id, query.cursor.unwrap_or(0), SEATS_PER_PAGE);
    let rows = rows.await?;
    let next = paging::next_cursor(&rows, SEATS_PER_PAGE, |row| row.id.to_string());
    let page: Vec<wire::Seat> = rows.into_iter().map(wire::Seat::from).collect();
    Ok(render::page(page, next))
}

/// Count what is left: calculated, at most five seconds old.
#[utoipa::path(get, path = "/api/v1/events/{id}/availability", operation_id = "count_seats", tag = "events",
    params(("id" = Uuid, Path, description = "The event")),
    responses((status = 200, description = "The count", body = wire::Success<wire::Availability>),
              (status = 404, description = "There is no such event, or it is somebody else's draft")))]
pub async fn availability(
    State(app): State<App>,
    caller: Option<Caller>,
    id: Result<Path<Uuid>, PathRejection>,
) -> Result<Response, ApiError> {
    let Path(id) = id?;
    let event = visible(&app, caller, EventId(id)).await?.id;
    let counted = counting::of(&app.context, &[event]).await?;
    let counts = counted.first().ok_or(StorageError::Impossible("count of seats"))?;
    Ok(render::ok(availability_of(event, *counts), "ok"))
}

/// Prepare an event: it begins as a draft, seen by its organizer alone.
#[utoipa::path(post, path = "/api/v1/events", operation_id = "create_event", tag = "events",
    request_body = wire::CreateEvent,
    responses((status = 201, description = "The draft", body = wire::Success<wire::Event>, headers(("ETag" = String, description = "The event's version, for If-Match")))))]
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body<wire::CreateEvent>,
) -> Result<Response, ApiError> {
    let new = new_event(&body)?;
    let context = Arc::clone(&app.context);
    let event = app
        .run_to_completion(async move { editing::create(&context, editor(caller), &new).await })
        .await??;
    let mut response = shown(&event, "event created");
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

/// Change an event.
///
/// `If-Match` names the version it was read at: somebody else's change in between is not overwritten. `*` names none.
#[utoipa::path(patch, path = "/api/v1/events/{id}", operation_id = "change_event", tag = "events",
    params(("id" = Uuid, Path, description = "The event"), ("if-match" = String, Header, description = "ETag of the version that was read", example = "\"3\"")),
    request_body = wire::ChangeEvent,
    responses((status = 200, description = "The event at its new version", body = wire::Success<wire::Event>, headers(("ETag" = String, description = "The event's version, for If-Match"))),
              (status = 404, description = "There is no such event"),
              (status = 409, description = "Not from its status: the step, or the field, is not open to it, or it has no seats to sell")))]
pub async fn change(
    State(app): State<App>,
    caller: Caller,
    id: Result<Path<Uuid>, PathRejection>,
    headers: HeaderMap,
    Body(body): Body<wire::ChangeEvent>,
) -> Result<Response, ApiError> {
    let (Path(id), version) = (id?, etag::if_match(&headers)?);
    let change = change_of(&body)?;
    let context = Arc::clone(&app.context);
    let event = app
        .run_to_completion(async move {
            editing::change(&context, editor(caller), EventId(id), version, &change).await
        })
        .await??;
    Ok(shown(&event, "event changed"))
}

/// Delete an event that is not on sale.
///
/// What was sold of it stays readable for its buyers.
#[utoipa::path(delete, path = "/api/v1/events/{id}", operation_id = "delete_event", tag = "events",
    params(("id" = Uuid, Path, description = "The event"), ("if-match" = String, Header, description = "ETag of the version that was read", example = "\"3\"")),
    responses((status = 200, description = "The event as it was", body = wire::Success<wire::Event>),
              (status = 404, description = "There is no such event"),
              (status = 409, description = "It is on sale")))]
pub async fn delete(
    State(app): State<App>,
    caller: Caller,
    id: Result<Path<Uuid>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (Path(id), version) = (id?, etag::if_match(&headers)?);
    let context = Arc::clone(&app.context);
    let event = app
        .run_to_completion(async move {
            editing::delete(&context, editor(caller), EventId(id), version).await
        })
        .await??;
    Ok(render::ok(wire::Event::from(&event), "event deleted"))
}

/// Upload a draft's seat map.
///
/// CSV with the header `section,row,number,price`; it replaces the one before.
#[utoipa::path(put, path = "/api/v1/events/{id}/seats", operation_id = "upload_seats", tag = "events",
    params(("id" = Uuid, Path, description = "The event"), ("if-match" = String, Header, description = "ETag of the version that was read", example = "\"3\"")),
    request_body(content = String, content_type = "text/csv", description = "CSV in UTF-8; prices as 45 or 45.50", example = "section,row,number,price\nStalls,A,1,45\nStalls,A,2,45.50\n"),
    responses((status = 200, description = "How many seats it has now", body = wire::Success<wire::SeatMap>, headers(("ETag" = String, description = "The event's version, for If-Match"))),
              (status = 404, description = "There is no such event"),
              (status = 409, description = "It is no draft, or sells tickets without a place")))]
pub async fn upload_seats(
    State(app): State<App>,
    caller: Caller,
    id: Result<Path<Uuid>, PathRejection>,
    headers: HeaderMap,
    Csv(map): Csv,
) -> Result<Response, ApiError> {
    let (Path(id), version) = (id?, etag::if_match(&headers)?);
    let places = seat_map::read(&map[..]).map_err(|error| ApiError::invalid("seat_map", error))?;
    let context = Arc::clone(&app.context);
    let (event, seats) = app
        .run_to_completion(async move {
            editing::seat(&context, editor(caller), EventId(id), version, &places).await
        })
        .await??;
    let seats = i64::try_from(seats).unwrap_or(i64::MAX);
    let body = wire::SeatMap { event_id: id, seats };
    Ok(etag::with_etag(render::ok(body, "seat map stored"), event.version))
}

fn editor(caller: Caller) -> Editor {
    Editor { user: caller.user, role: caller.role }
}

fn new_event(body: &wire::CreateEvent) -> Result<NewEvent, ApiError> {
    let mut errors = ValidationErrors::default();
    let title = errors.check("title", Text::parse(&body.title));
    let venue = errors.check("venue", Text::parse(&body.venue));
    let description = errors.check("description", Text::parse_optional(&body.description));
    let given = body.general_admission.as_ref();
    let starts_at = errors.check("starts_at", moment(body.starts_at));
    let sales_end_at = errors.check_given("sales_end_at", body.sales_end_at.map(moment));
    let general = given.and_then(|general| general_admission(&mut errors, general));
    let tickets_per_user = limit_of_tickets(&mut errors, body.tickets_per_user_max);
    let required = (title, venue, description, starts_at);
    let (Some(title), Some(venue), Some(description), Some(starts_at)) = required else {
        return Err(errors.into());
    };
    errors.none()?;
    Ok(NewEvent { title, venue, description, starts_at, sales_end_at, tickets_per_user, general })
}

fn change_of(body: &wire::ChangeEvent) -> Result<Change, ApiError> {
    let mut errors = ValidationErrors::default();
    let title = errors.check_given("title", body.title.as_deref().map(Text::parse));
    let venue = errors.check_given("venue", body.venue.as_deref().map(Text::parse));
    let description = body.description.as_deref().map(Text::parse_optional);
    let description = errors.check_given("description", description);
    let starts_at = errors.check_given("starts_at", body.starts_at.map(moment));
    let sales_end_at = errors.check_given("sales_end_at", body.sales_end_at.map(moment));
    let tickets_per_user = limit_of_tickets(&mut errors, body.tickets_per_user_max);
    errors.none()?;
    let status = body.status.map(EventStatus::from);
    Ok(Change { title, venue, description, starts_at, sales_end_at, status, tickets_per_user })
}

fn limit_of_tickets(errors: &mut ValidationErrors, limit: Option<i32>) -> Option<TicketLimit> {
    errors.check_given("tickets_per_user_max", limit.map(TicketLimit::new))
}

fn general_admission(
    errors: &mut ValidationErrors,
    general: &wire::GeneralAdmission,
) -> Option<GeneralAdmission> {
    let wire::GeneralAdmission { quantity, price_cents } = *general;
    let fits = (1..=GENERAL_ADMISSION_MAX).contains(&quantity);
    let fits = fits.then_some(quantity).ok_or(format!("1 to {GENERAL_ADMISSION_MAX} tickets"));
    let quantity = errors.check("general_admission.quantity", fits);
    let fits = (1..=PRICE_CENTS_MAX).contains(&price_cents);
    let fits = fits.then_some(price_cents).ok_or(format!("1 to {PRICE_CENTS_MAX} cents"));
    let price_cents = errors.check("general_admission.price_cents", fits);
    Some(GeneralAdmission { quantity: quantity?, price_cents: price_cents? })
}

impl From<wire::EventStatus> for EventStatus {
    fn from(status: wire::EventStatus) -> Self {
        match status {
            wire::EventStatus::Draft => Self::Draft,
            wire::EventStatus::Published => Self::Published,
            wire::EventStatus::Cancelled => Self::Cancelled,
            wire::EventStatus::Completed => Self::Completed,
        }
    }
}
