//! Every route of the server in one table: method, path, who may call it, out of which budget, and what answers. A route
//! that is not in it does not exist; one in it without a rule does not compile.

use std::sync::LazyLock;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, header};
use axum::middleware;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get, patch, post, put};
use utoipa::openapi::OpenApi;

use super::app::App;
use super::auth::{Access, authorize};
use super::openapi::{self, pages};
use super::route::{Route, credentials, free, route};
use super::{accounts, bookings, events, health, idempotency, reservations, tickets};
use crate::domain::{HoldTtl, Role};

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
    route(Method::PUT, "/api/v1/events/{id}/seats", ORGANIZERS, || put(events::upload_seats)),
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
    free(pages::DOCUMENT, || get(document)),
    free("/api/reference", || get(pages::scalar)),
    free("/api/reference/scalar.js", || get(pages::scalar_script)),
    free("/health", || get(health::overall)),
    free("/health/live", || get(health::live)),
    free("/health/ready", || get(health::ready)),
    free("/metrics", || get(health::metrics)),
];

/// What the API says of itself: every route of the table, that of the description included.
pub static OPENAPI: LazyLock<OpenApi> = LazyLock::new(|| openapi::describe(ROUTES));

/// The description of a server that holds seats so long at most, as JSON.
pub fn description(hold_ttl: HoldTtl) -> Bytes {
    let document = openapi::bounded(OPENAPI.clone(), hold_ttl);
    document.to_json().unwrap_or_else(|error| error.to_string()).into()
}

/// `GET /api/openapi.json`.
async fn document(State(app): State<App>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], app.description.clone()).into_response()
}

/// The table as a router; each route refuses whom its rule does not admit.
pub fn router(app: &App) -> Router<App> {
    ROUTES.iter().fold(Router::new(), |router, route| {
        let rule = (app.clone(), route.access, route.budget);
        let handler = (route.handler)();
        router
            .route(route.path, handler.route_layer(middleware::from_fn_with_state(rule, authorize)))
    })
}
