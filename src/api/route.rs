//! A line of the route table: method, path, who may call, out of which budget, and what answers.

use axum::http::Method;
use axum::routing::MethodRouter;

use super::app::App;
use super::auth::Access;
use super::limits::Budget;

/// One route of the server.
pub struct Route {
    pub method: Method,
    /// Path, with `{…}` for its parameters.
    pub path: &'static str,
    /// Who may call it.
    pub access: Access,
    /// Which of the caller's budgets a call is counted against.
    pub budget: Budget,
    /// What answers.
    pub handler: fn() -> MethodRouter<App>,
}

impl std::fmt::Debug for Route {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {}", self.method, self.path)
    }
}

/// A route of the booking API.
pub const fn route(
    method: Method,
    path: &'static str,
    access: Access,
    handler: fn() -> MethodRouter<App>,
) -> Route {
    Route { method, path, access, budget: Budget::Usual, handler }
}

/// A route that costs nothing: probes and documentation.
pub const fn free(path: &'static str, handler: fn() -> MethodRouter<App>) -> Route {
    Route { method: Method::GET, path, access: Access::Anyone, budget: Budget::Unlimited, handler }
}

/// A route that takes a password. A refresh token needs no protection against guessing: it has 256 random bits.
pub const fn credentials(path: &'static str, handler: fn() -> MethodRouter<App>) -> Route {
    let (method, access, budget) = (Method::POST, Access::Anyone, Budget::Credentials);
    Route { method, path, access, budget, handler }
}
