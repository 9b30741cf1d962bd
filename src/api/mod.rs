//! HTTP: routes, who may call them, and how answers and errors look. Decides nothing; `booking` does.
//!
//! The files stand on each other in this order, and none names one that comes later.

/// How refusals look from outside.
pub mod refusals;
/// How answers look.
pub mod render;
/// What is left of a caller's limits, as answers say it.
pub mod limit_headers;
/// What parsers complain of, in plain words.
pub mod parse_errors;
/// Errors and their status codes.
pub mod error;
/// How often somebody may call.
pub mod limits;
/// What browsers are told.
pub mod security_headers;
/// What every handler shares.
pub mod app;
/// Who calls, and whether the route is open to them.
pub mod auth;
/// Queries and bodies.
pub mod extract;
/// Bodies under an idempotency key.
pub mod keyed;
/// Where the next page begins.
pub mod cursor;
/// Which page of a list, and the page as it is answered.
pub mod paging;
/// Versions and who may overwrite them.
pub mod etag;
/// Seats or a quantity, as orders ask for them.
pub mod wanted;
/// Registering and logging in.
pub mod accounts;
/// Finding, reading and preparing events.
pub mod events;
/// Holding seats and giving them up.
pub mod reservations;
/// Paying for them, reading what was bought, cancelling it.
pub mod bookings;
/// Tickets, and checking them in.
pub mod tickets;
/// What became of a key.
pub mod idempotency;
/// Is it alive, is it ready, what has it counted.
pub mod health;
/// A line of the route table.
pub mod route;
/// The API described by itself.
pub mod openapi;
/// Every route, and who may call it.
pub mod routes;
/// What surrounds every request.
pub mod layers;
/// hyper's own answers, kept back.
pub mod canned;
/// Connections and their bounds.
pub mod listen;

use axum::Router;

pub use app::{App, Shared};

/// The whole server: every route, and what surrounds it.
pub fn router(app: App) -> Router {
    let routes = routes::router(&app)
        .fallback(error::no_such_route)
        .method_not_allowed_fallback(error::method_not_allowed);
    layers::around(routes, &app).with_state(app)
}
