//! How answers look: the domain's values as the bodies of `wire`.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::refusals::{reason_of, status_of};
use crate::booking::answer::{Answer, Render};
use crate::domain::{
    Admission, Booking, EventStatus, Refusal, Reservation, StoredResponse, TicketLimit,
};
use crate::storage::events::Event;
use crate::storage::seats::SeatRow;
use crate::wire::{self, FieldError, Meta, Reason, SeatStatus, Success};

/// How the use cases write the answers they store.
pub const RENDER: Render =
    Render { reservation: held, booking: booked, refusal: refused, left_behind };

fn held(reservation: &Reservation) -> StoredResponse {
    stored(StatusCode::CREATED, &success(wire::Reservation::from(reservation), "seats held"))
}

fn booked(booking: &Booking) -> StoredResponse {
    stored(StatusCode::CREATED, &success(wire::Booking::from(booking), "booking confirmed"))
}

fn refused(refusal: &Refusal) -> StoredResponse {
    let message = refusal.to_string();
    let field = reason_of(refusal).name().to_owned();
    let errors = match refusal {
        // One error a seat, so that a client can tell which of them to leave out.
        Refusal::SeatsUnavailable(seats) => {
            let of_seat = |seat: &_| Refusal::SeatsUnavailable(vec![*seat]).to_string();
            let error = |seat| FieldError { field: field.clone(), message: of_seat(seat) };
            seats.iter().map(error).collect()
        }
        _ => vec![FieldError { field, message: message.clone() }],
    };
    stored(status_of(refusal), &wire::Failure { success: false, message, errors })
}

/// The answer to a request that was left in progress and had no effect.
fn left_behind() -> StoredResponse {
    let message = "the request was left unfinished and had no effect, send it again with a new idempotency key";
    let field = Reason::IdempotencyKey.name().to_owned();
    let errors = vec![FieldError { field, message: message.to_owned() }];
    stored(StatusCode::GONE, &wire::Failure { success: false, message: message.to_owned(), errors })
}

fn stored<T: Serialize>(status: StatusCode, body: &T) -> StoredResponse {
    let (status, body) = json(status, body);
    StoredResponse { status: status.as_u16(), body }
}

/// The body with its status. The bodies of `wire` always serialise: they hold no maps with odd keys, and no times that
/// can't be written. One that doesn't is a mistake of ours, and is never sent under another status.
fn json<T: Serialize>(status: StatusCode, body: &T) -> (StatusCode, String) {
    match serde_json::to_string(body) {
        Ok(text) => (status, text),
        Err(error) => {
            tracing::error!(%error, "a body did not serialise");
            let text = r#"{"success":false,"message":"the server made a mistake","errors":[]}"#;
            (StatusCode::INTERNAL_SERVER_ERROR, text.to_owned())
        }
    }
}

fn success<T>(data: T, message: &str) -> Success<T> {
    Success { success: true, data, message: message.to_owned(), meta: None }
}

/// 200 with the data in the success envelope.
pub fn ok<T: Serialize>(data: T, message: &str) -> Response {
    with_json(json(StatusCode::OK, &success(data, message)))
}

/// 202 with the data in the success envelope.
pub fn accepted<T: Serialize>(data: T, message: &str) -> Response {
    with_json(json(StatusCode::ACCEPTED, &success(data, message)))
}

/// 200 with a page of the data.
pub fn page<T: Serialize>(data: T, next_cursor: Option<String>) -> Response {
    let meta = Some(Meta { next_cursor });
    let body = Success { success: true, data, message: "ok".to_owned(), meta };
    with_json(json(StatusCode::OK, &body))
}

/// A failure in its envelope.
pub fn failure(status: StatusCode, message: &str, errors: Vec<FieldError>) -> Response {
    with_json(json(status, &wire::Failure { success: false, message: message.to_owned(), errors }))
}

/// A refusal in its envelope.
pub fn refusal_response(refusal: &Refusal) -> Response {
    from_stored(refused(refusal))
}

/// An answer of a keyed route, byte for byte, marked when it is repeated.
pub fn answer(answer: Answer) -> Response {
    let mut response = from_stored(answer.response);
    if answer.replayed {
        let name = HeaderName::from_static(wire::IDEMPOTENT_REPLAYED);
        response.headers_mut().insert(name, HeaderValue::from_static("true"));
    }
    response
}

fn from_stored(stored: StoredResponse) -> Response {
    let status = StatusCode::from_u16(stored.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    with_json((status, stored.body))
}

fn with_json((status, body): (StatusCode, String)) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

impl From<&Reservation> for wire::Reservation {
    fn from(reservation: &Reservation) -> Self {
        Self {
            id: reservation.id.0,
            event_id: reservation.event.0,
            user_id: reservation.user.0,
            seat_ids: reservation.seats.numbers(),
            state: reservation.state.name().to_owned(),
            total_cents: reservation.total.get(),
            expires_at: reservation.expires_at,
        }
    }
}

impl From<&Booking> for wire::Booking {
    fn from(booking: &Booking) -> Self {
        let ticket = |ticket: &crate::domain::Ticket| wire::Ticket {
            seat_id: ticket.seat.0,
            number: ticket.number.as_str().to_owned(),
        };
        Self {
            id: booking.id.0,
            reference: booking.reference.as_str().to_owned(),
            reservation_id: booking.reservation.0,
            event_id: booking.event.0,
            user_id: booking.user.0,
            state: booking.state.name().to_owned(),
            total_cents: booking.total.get(),
            created_at: booking.created_at,
            cancelled_at: booking.cancelled_at,
            tickets: booking.tickets.iter().map(ticket).collect(),
        }
    }
}

impl From<&Event> for wire::Event {
    fn from(event: &Event) -> Self {
        Self {
            id: event.id.0,
            title: event.title.clone(),
            venue: event.venue.clone(),
            description: event.description.clone(),
            starts_at: event.starts_at,
            sales_end_at: event.sales_end_at.unwrap_or(event.starts_at),
            admission: match event.admission {
                Admission::Seated => wire::Admission::Seated,
                Admission::General => wire::Admission::General,
            },
            status: match event.status {
                EventStatus::Draft => wire::EventStatus::Draft,
                EventStatus::Published => wire::EventStatus::Published,
                EventStatus::Cancelled => wire::EventStatus::Cancelled,
                EventStatus::Completed => wire::EventStatus::Completed,
            },
            tickets_per_user_max: event.tickets_per_user.map(TicketLimit::get),
            version: event.version,
            availability: None,
        }
    }
}

impl From<SeatRow> for wire::Seat {
    fn from(row: SeatRow) -> Self {
        let status = match (row.sold, row.held) {
            (true, _) => SeatStatus::Sold,
            (false, true) => SeatStatus::Held,
            (false, false) => SeatStatus::Available,
        };
        Self {
            id: row.id,
            section: row.section,
            row: row.row_label,
            number: row.number,
            price_cents: row.price_cents,
            status,
        }
    }
}
