//! Every route of the server in one table: method, path, who may call it, out of which budget, and what answers. A route
//! that is not in it does not exist; one in it without a rule does not compile.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::Method;
use axum::middleware;
use axum::routing::{MethodRouter, delete, get, patch, post, put};

use super::guard::{Access, guard};
use super::openapi::pages;
use super::{App, accounts, bookings, events, health, idempotency, openapi, reservations, tickets};
use crate::domain::Role;

/// Largest seat map, in bytes.
pub const SEAT_MAP_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A route.
pub struct Route {
    /// Method.
    pub method: Method,
    /// Path, with `{…}` for its parameters.
    pub path: &'static str,
    /// Who may call it.
    pub access: Access,
    /// Which of the caller's budgets a call is counted against.
    pub budget: Budget,
    handler: fn() -> MethodRouter<App>,
}

/// What a call counts against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Budget {
    /// The usual limit.
    Usual,
    /// The stricter one of routes that take a password.
    Credentials,
    /// Nothing: probes and documentation.
    Unlimited,
}

impl std::fmt::Debug for Route {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {}", self.method, self.path)
    }
}

/// A route of the booking API.
const fn route(
    method: Method,
    path: &'static str,
    access: Access,
    handler: fn() -> MethodRouter<App>,
) -> Route {
    Route { method, path, access, budget: Budget::Usual, handler }
}

/// A route that costs nothing: probes and documentation.
const fn free(path: &'static str, handler: fn() -> MethodRouter<App>) -> Route {
    Route { method: Method::GET, path, access: Access::Anyone, budget: Budget::Unlimited, handler }
}

/// A route that takes a password. A refresh token needs no guard against guessing: it has 256 random bits.
const fn credentials(path: &'static str, handler: fn() -> MethodRouter<App>) -> Route {
    let (method, access, budget) = (Method::POST, Access::Anyone, Budget::Credentials);
    Route { method, path, access, budget, handler }
}

/// Who runs events.
const ORGANIZERS: Access = Access::Only(&[Role::Organizer, Role::Admin]);

/// Every route.
pub static ROUTES: &[Route] = &[
    credentials("/api/v1/auth/register", || post(accounts::register)),
    credentials("/api/v1/auth/login", || post(accounts::login)),
    route(Method::POST, "/api/v1/auth/refresh", Access::Anyone, || post(accounts::refresh)),
    route(Method::POST, "/api/v1/auth/logout", Access::Anyone, || post(accounts::logout)),
    route(Method::GET, "/api/v1/events", Access::Anyone, || get(events::list)),
    route(Method::POST, "/api/v1/events", ORGANIZERS, || post(events::create)),
    route(Method::GET, "/api/v1/events/{id}", Access::Anyone, || get(events::show)),
    route(Method::PATCH, "/api/v1/events/{id}", ORGANIZERS, || patch(events::change)),
    route(Method::DELETE, "/api/v1/events/{id}", ORGANIZERS, || delete(events::delete)),
    route(Method::GET, "/api/v1/events/{id}/seats", Access::Anyone, || get(events::seats)),
    route(Method::PUT, "/api/v1/events/{id}/seats", ORGANIZERS, || {
        put(events::upload_seats).layer(DefaultBodyLimit::max(SEAT_MAP_BYTES_MAX))
    }),
    route(Method::GET, "/api/v1/events/{id}/availability", Access::Anyone, || {
        get(events::availability)
    }),
    route(Method::POST, "/api/v1/reservations", Access::SignedIn, || post(reservations::create)),
    route(Method::GET, "/api/v1/reservations/{id}", Access::Owner, || get(reservations::show)),
    route(Method::DELETE, "/api/v1/reservations/{id}", Access::OwnerAlone, || {
        delete(reservations::cancel)
    }),
    route(Method::POST, "/api/v1/reservations/{id}/extend", Access::OwnerAlone, || {
        post(reservations::extend)
    }),
    route(Method::GET, "/api/v1/reservations/user/{user_id}", Access::Owner, || {
        get(reservations::list_of_user)
    }),
    route(Method::POST, "/api/v1/bookings", Access::SignedIn, || post(bookings::create)),
    route(Method::GET, "/api/v1/bookings", Access::SignedIn, || get(bookings::list)),
    route(Method::POST, "/api/v1/bookings/confirm", Access::OwnerAlone, || post(bookings::confirm)),
    route(Method::GET, "/api/v1/bookings/{id}", Access::Owner, || get(bookings::show)),
    route(Method::PATCH, "/api/v1/bookings/{id}/cancel", Access::Owner, || patch(bookings::cancel)),
    route(Method::GET, "/api/v1/bookings/reference/{reference}", Access::Owner, || {
        get(bookings::show_by_reference)
    }),
    route(Method::GET, "/api/v1/bookings/user/{user_id}", Access::Owner, || {
        get(bookings::list_of_user)
    }),
    route(Method::GET, "/api/v1/tickets/{number}/qr", Access::Owner, || get(tickets::qr)),
    route(Method::POST, "/api/v1/tickets/{number}/check-in", ORGANIZERS, || {
        post(tickets::check_in)
    }),
    route(Method::GET, "/api/v1/idempotency/{key}", Access::SignedIn, || get(idempotency::show)),
    free("/api", || get(pages::to_swagger)),
    free("/api/", || get(pages::swagger)),
    free("/api/{file}", || get(pages::swagger_asset)),
    free(openapi::DOCUMENT, || get(openapi::document)),
    free("/api/reference", || get(pages::scalar)),
    free("/api/reference/scalar.js", || get(pages::scalar_script)),
    free("/health", || get(health::overall)),
    free("/health/live", || get(health::live)),
    free("/health/ready", || get(health::ready)),
    free("/metrics", || get(health::metrics)),
];

/// The table as a router, every route behind its guard.
pub fn router(app: &App) -> Router<App> {
    ROUTES.iter().fold(Router::new(), |router, route| {
        let guarded = middleware::from_fn_with_state((app.clone(), route), guard);
        router.route(route.path, (route.handler)().route_layer(guarded))
    })
}
