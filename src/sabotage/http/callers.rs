//! Callers who are taken for somebody who may do what they ask for: what a route does that doesn't look whose something is,
//! or what role its caller has.

use std::time::Duration;

use async_trait::async_trait;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::header;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use jsonwebtoken::Header;
use serde_json::Value;
use uuid::Uuid;

use super::{Route, Tamper, Tools, read, with_body};
use crate::clock;
use crate::domain::{BookingId, ReservationId, Role};
use crate::storage::bookings::{self, By};
use crate::storage::{StorageError, reservations, tickets};
use crate::wire::{Claims, TOKEN_ISSUER};

/// How long a token lasts that is used at once.
const TOKEN_TTL: Duration = Duration::from_mins(1);

/// What somebody owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owned {
    /// The reservation in the path.
    Reservation,
    /// The reservation in the body.
    ReservationInBody,
    /// The booking in the path.
    Booking,
    /// The booking of this reference, in the path.
    Reference,
    /// The ticket in the path.
    Ticket,
    /// What belongs to the user in the path.
    User,
}

/// Every caller is taken for the owner.
pub struct AsOwner {
    /// Where.
    pub route: Route,
    /// Of what.
    pub owned: Owned,
}

#[async_trait]
impl Tamper for AsOwner {
    async fn around(&self, tools: &Tools, request: Request, next: Next) -> Response {
        let (mut parts, body) = read(request).await;
        if let Some(part) = self.route.part_of(&parts)
            && let Ok(Some(owner)) = owner(tools, self.owned, &part, &body).await
        {
            sign(tools, &mut parts, owner, Role::Customer);
        }
        next.run(with_body(parts, body)).await
    }
}

/// Every caller is taken for an admin.
pub struct AsAdmin {
    /// Where.
    pub routes: &'static [Route],
}

#[async_trait]
impl Tamper for AsAdmin {
    async fn around(&self, tools: &Tools, request: Request, next: Next) -> Response {
        let (mut parts, body) = request.into_parts();
        if self.routes.iter().any(|route| route.part_of(&parts).is_some()) {
            sign(tools, &mut parts, Uuid::nil(), Role::Admin);
        }
        next.run(Request::from_parts(parts, body)).await
    }
}

async fn owner(
    tools: &Tools,
    owned: Owned,
    part: &str,
    body: &Bytes,
) -> Result<Option<Uuid>, StorageError> {
    let id = part.parse().unwrap_or_default();
    let mut connection = tools.storage.connection().await?;
    let reservation = match owned {
        Owned::User => return Ok(Some(id)),
        Owned::Booking => {
            let found = bookings::find(&mut connection, By::Id(BookingId(id))).await?;
            return Ok(found.map(|booking| booking.user.0));
        }
        Owned::Reference => {
            let found = bookings::find(&mut connection, By::Reference(part)).await?;
            return Ok(found.map(|booking| booking.user.0));
        }
        Owned::Ticket => {
            let found = tickets::find(&mut connection, part).await?;
            return Ok(found.map(|ticket| ticket.buyer.0));
        }
        Owned::Reservation => id,
        Owned::ReservationInBody => {
            let body: Value = serde_json::from_slice(body).unwrap_or_default();
            let named = body.get("reservation_id").and_then(Value::as_str);
            named.and_then(|id| id.parse().ok()).unwrap_or_default()
        }
    };
    let found = reservations::find(&mut connection, ReservationId(reservation)).await?;
    Ok(found.map(|reservation| reservation.user.0))
}

/// Signs the caller in as somebody else; whoever isn't signed in at all stays so.
fn sign(tools: &Tools, parts: &mut Parts, user: Uuid, role: Role) {
    let Some(authorization) = parts.headers.get_mut(header::AUTHORIZATION) else { return };
    let claims = Claims {
        sub: user,
        role: role.name().to_owned(),
        iss: TOKEN_ISSUER.to_owned(),
        exp: (clock::since_epoch() + TOKEN_TTL).as_secs(),
    };
    let token = jsonwebtoken::encode(&Header::default(), &claims, &tools.signing_key);
    if let Some(value) = token.ok().and_then(|token| format!("Bearer {token}").parse().ok()) {
        *authorization = value;
    }
}
