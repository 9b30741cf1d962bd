//! JSON bodies of the HTTP API, shared by the server and the harness so that the two cannot drift apart.
//! Knows nothing of how either side works.

/// Who somebody is.
pub mod accounts;
/// What is for sale.
pub mod events;
/// Seats held for a while.
pub mod reservations;
/// Sales.
pub mod bookings;
/// Why a request is refused.
pub mod reason;
/// The payment simulator's side.
pub mod payments;
/// What an answer took of each dependency.
pub mod server_timing;

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

pub use accounts::{Claims, Credentials, Nothing, RefreshToken, TOKEN_ISSUER, Tokens};
pub use bookings::{Booking, CheckIn, ConfirmBooking, CreateBooking, Ticket};
pub use events::{
    Admission, Availability, ChangeEvent, CreateEvent, Event, EventStatus, GeneralAdmission, Seat,
    SeatMap, SeatStatus,
};
pub use payments::{
    Charge, ChargeRequest, ChargeState, PaymentCall, PaymentCallKind, PaymentCallOutcome,
    RefundRequest,
};
pub use reason::Reason;
pub use reservations::{CreateReservation, Reservation};

/// Request header that names one logical operation; a retry carries the same value.
/// Source: IETF draft-ietf-httpapi-idempotency-key-header.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Response header set to `true` on an answer that was stored earlier and is being replayed.
pub const IDEMPOTENT_REPLAYED: &str = "idempotent-replayed";
/// Header that names a request in the server's log; in requests, where the client brings its own, and in every answer.
pub const REQUEST_ID: &str = "x-request-id";

/// Envelope of every successful answer.
#[expect(clippy::struct_field_names, reason = "the names are the interface")]
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Success<T> {
    /// Always `true`.
    pub success: bool,
    /// The answer itself.
    pub data: T,
    /// One sentence for a human.
    pub message: String,
    /// Pagination, where the answer is a page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

/// Pagination of a list.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Meta {
    /// Pass as `?cursor=` to get the next page; null on the last one.
    pub next_cursor: Option<String>,
}

/// Envelope of every refusal or failure.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(examples(json!({"success": false, "message": "seat 4711 is not available",
    "errors": [{"field": "seat_unavailable", "message": "seat 4711 is not available"}]})))]
pub struct Failure {
    /// Always `false`.
    pub success: bool,
    /// What went wrong, for a human.
    pub message: String,
    /// Which part of the request, where that is known.
    #[serde(default)]
    pub errors: Vec<FieldError>,
}

/// One refused field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// Path of the field, or the name of a [`Reason`].
    #[schema(schema_with = field_or_reason)]
    pub field: String,
    /// Why it was refused.
    pub message: String,
}

fn field_or_reason() -> Object {
    let reasons = Reason::ALL.map(Reason::name).join(", ");
    let description = format!("Path of the field, or the reason: one of {reasons}.");
    ObjectBuilder::new().schema_type(Type::String).description(Some(description)).build()
}

/// `GET /api/v1/idempotency/{key}`: what became of the caller's operation with this key.
/// 404 means that no effect of it exists.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(examples(json!({"key": "order-4711", "state": "SUCCESS", "status_code": 201,
    "response": {"success": true, "message": "seats held"}})))]
pub struct IdempotencyStatus {
    /// The key.
    pub key: String,
    /// `IN_PROGRESS`, `SUCCESS` or `FAILED`.
    #[schema(schema_with = states)]
    pub state: String,
    /// Status code of the stored answer; absent while in progress.
    pub status_code: Option<u16>,
    /// The stored answer's body, as it was sent.
    pub response: Option<serde_json::Value>,
}

fn states() -> Object {
    one_of(&["IN_PROGRESS", "SUCCESS", "FAILED"], "Where the operation stands.")
}

/// The schema of a text that is one of these words.
fn one_of(words: &[&'static str], description: &str) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(words.iter().copied()))
        .description(Some(description))
        .build()
}

/// An object that may be absent. serde by itself would take a list, too, field by field in the order of the source.
fn object<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_option(ObjectOnly(PhantomData))
}

struct ObjectOnly<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectOnly<T> {
    type Value = Option<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Some)
    }
}
