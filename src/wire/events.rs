//! Events, their seats, and what is left of them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// An event as every route answers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(examples(json!({"id": "018f6f2a-4c1b-7a3e-9d54-2f1c6b7a8e90", "title": "Hamlet", "venue": "Globe",
    "description": "Three hours, one interval", "starts_at": "2030-05-01T19:00:00Z",
    "sales_end_at": "2030-05-01T19:00:00Z", "admission": "seated", "status": "published", "tickets_per_user_max": 6, "version": 3})))]
pub struct Event {
    /// Event id.
    pub id: Uuid,
    /// Title.
    pub title: String,
    /// Venue.
    pub venue: String,
    /// What a visitor should know; may be empty.
    pub description: String,
    /// Start, RFC 3339.
    #[serde(with = "time::serde::rfc3339")]
    pub starts_at: time::OffsetDateTime,
    /// When its sale ends: at its start, unless it was given another time. What is held then may still be paid for.
    #[serde(with = "time::serde::rfc3339")]
    pub sales_end_at: time::OffsetDateTime,
    /// Whether seats are chosen or only counted.
    pub admission: Admission,
    /// Where the event stands.
    pub status: EventStatus,
    /// Tickets one user may have of it at most, where limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tickets_per_user_max: Option<i32>,
    /// Grows with every change; the `ETag` of the event's own answer.
    pub version: i64,
    /// What is left; in lists only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub availability: Option<Availability>,
}

/// Whether seats are chosen or only counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Admission {
    /// Every seat has a place, and buyers name the ones they want.
    Seated,
    /// General admission: tickets without a place, bought by quantity.
    General,
}

/// Where an event stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventStatus {
    /// Being prepared; only its organizer sees it.
    Draft,
    /// On sale.
    Published,
    /// Its bookings are cancelled and refunded.
    Cancelled,
    /// Over.
    Completed,
}

/// `POST /api/v1/events`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"title": "Jazz night", "venue": "Cellar", "description": "Doors at seven",
    "starts_at": "2030-06-01T20:00:00Z", "general_admission": {"quantity": 300, "price_cents": 2500},
    "tickets_per_user_max": 6})))]
pub struct CreateEvent {
    /// 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    pub title: String,
    /// 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    pub venue: String,
    /// Up to 5,000 characters.
    #[serde(default)]
    #[schema(max_length = 5000)]
    pub description: String,
    /// Start, RFC 3339.
    #[serde(with = "time::serde::rfc3339")]
    pub starts_at: time::OffsetDateTime,
    /// When its sale ends, before or after its start, RFC 3339; at its start when absent, wherever that is moved.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "time::serde::rfc3339::option"
    )]
    pub sales_end_at: Option<time::OffsetDateTime>,
    /// Tickets without a place; absent for an event whose seat map is uploaded.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "super::object")]
    pub general_admission: Option<GeneralAdmission>,
    /// Tickets one user may have at most; not limited when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1000)]
    pub tickets_per_user_max: Option<i32>,
}

/// Tickets without a place.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"quantity": 300, "price_cents": 2500})))]
pub struct GeneralAdmission {
    /// How many, 1 to 100,000.
    #[schema(minimum = 1, maximum = 100_000)]
    pub quantity: i32,
    /// Price of each in cents, 1 to 100,000,000.
    #[schema(minimum = 1, maximum = 100_000_000)]
    pub price_cents: i64,
}

/// `PATCH /api/v1/events/{id}`: only what is given changes.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"status": "published"})))]
pub struct ChangeEvent {
    /// 1 to 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 200)]
    pub title: Option<String>,
    /// 1 to 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 200)]
    pub venue: Option<String>,
    /// Up to 5,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 5000)]
    pub description: Option<String>,
    /// Start, RFC 3339.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "time::serde::rfc3339::option"
    )]
    pub starts_at: Option<time::OffsetDateTime>,
    /// When its sale ends, before or after its start, RFC 3339.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "time::serde::rfc3339::option"
    )]
    pub sales_end_at: Option<time::OffsetDateTime>,
    /// Where it is to stand: draft to published, published to cancelled or completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<EventStatus>,
    /// Tickets one user may have at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1000)]
    pub tickets_per_user_max: Option<i32>,
}

/// What became of an uploaded seat map.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(examples(json!({"event_id": "018f6f2a-4c1b-7a3e-9d54-2f1c6b7a8e90", "seats": 2})))]
pub struct SeatMap {
    /// The event.
    pub event_id: Uuid,
    /// Seats it has now.
    pub seats: i64,
}

/// Items of `GET /api/v1/events/{id}/seats`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(examples(json!({"id": 4711, "section": "Stalls", "row": "A", "number": 1, "price_cents": 4500, "status": "available"})))]
pub struct Seat {
    /// Seat id, unique over all events.
    pub id: i64,
    /// Section of the house; `GA` where tickets have no place.
    pub section: String,
    /// Row within the section; empty where tickets have no place.
    pub row: String,
    /// Number within the row.
    pub number: i32,
    /// Price in cents.
    pub price_cents: i64,
    /// Calculated when the answer was made; true until somebody else is quicker.
    pub status: SeatStatus,
}

/// What can be done with a seat right now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SeatStatus {
    /// Nobody has it.
    Available,
    /// A live reservation holds it.
    Held,
    /// Booked.
    Sold,
}

/// `GET /api/v1/events/{id}/availability`: calculated, at most five seconds old, and never used to decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(examples(json!({"event_id": "018f6f2a-4c1b-7a3e-9d54-2f1c6b7a8e90", "total": 200, "available": 120, "held": 10, "sold": 70})))]
pub struct Availability {
    /// The event.
    pub event_id: Uuid,
    /// Seats the event has.
    pub total: i64,
    /// Seats nobody holds or has bought.
    pub available: i64,
    /// Seats under a live reservation.
    pub held: i64,
    /// Seats booked.
    pub sold: i64,
}
