//! Who may call a route: every route of the table goes through here, and what its rule does not allow is refused before
//! the handler sees it. Whose a single reservation or booking is, the handler asks.

use axum::extract::{FromRequestParts, OptionalFromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation};

use super::app::App;
use super::error::ApiError;
use super::limit_headers::LimitHeaders;
use super::limits::Budget;
use crate::domain::{Refusal, Role, UserId};
use crate::wire::{self, Claims};

const NO_TOKEN: ApiError =
    ApiError::Unauthenticated("log in and send the access token as Authorization: Bearer …");
/// Said of a token that was good once: it has our signature.
const EXPIRED: ApiError = ApiError::InvalidToken(
    "the access token has expired, trade the refresh token for a new one at /api/v1/auth/refresh",
);
/// Said of everything else alike, so that nobody learns what a forged token lacks.
const NOT_OURS: ApiError = ApiError::InvalidToken(
    "the access token is not one of this server's, log in at /api/v1/auth/login",
);

/// The rule of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody, with or without a token.
    Anyone,
    /// Any user.
    SignedIn,
    /// Any user, who is then refused what belongs to somebody else; an admin is not.
    Owner,
    /// Any user, who is then refused what belongs to somebody else, an admin, too: what the route does, it does in its
    /// owner's name.
    OwnerAlone,
    /// Users in one of these roles.
    Only(&'static [Role]),
}

/// The caller, by a verified access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    pub user: UserId,
    pub role: Role,
    /// The rule of the route they call.
    access: Access,
}

impl Caller {
    /// Whether the route's rule lets the caller use what belongs to `owner`.
    pub fn may_use(&self, owner: UserId) -> bool {
        let admits_admins = self.access != Access::OwnerAlone;
        self.user == owner || (admits_admins && self.role == Role::Admin)
    }
}

/// Lets a request through to its handler when the route's rule allows its caller, and the limits do.
pub async fn authorize(
    State((app, access, budget)): State<(App, Access, Budget)>,
    mut request: Request,
    next: Next,
) -> Response {
    let caller =
        bearer(request.headers()).map(|token| token.and_then(|token| verify(&app, token, access)));
    let known = caller.as_ref().and_then(|caller| caller.as_ref().ok()).copied();
    // What is refused below counts, too.
    let limit_headers = match count(&app, budget, known, &mut request).await {
        Ok(headers) => headers,
        Err(refused) => return refused.into_response(),
    };
    let mut response = match admit(access, caller) {
        Ok(caller) => {
            if let Some(caller) = caller {
                request.extensions_mut().insert(caller);
            }
            next.run(request).await
        }
        Err(refused) => refused.into_response(),
    };
    if let Some(headers) = limit_headers {
        headers.put_on(&mut response);
    }
    if let Some(caller) = known {
        // For the log.
        response.extensions_mut().insert(caller);
    }
    response
}

async fn count(
    app: &App,
    budget: Budget,
    caller: Option<Caller>,
    request: &mut Request,
) -> Result<Option<LimitHeaders>, ApiError> {
    if budget == Budget::Unlimited {
        return Ok(None);
    }
    let client = app.limits.client(request.headers(), request.extensions())?;
    request.extensions_mut().insert(client);
    app.limits.charge(budget, caller.map(|caller| caller.user), client).await
}

/// The caller, where there is one; an error where the rule asks for another.
fn admit(
    access: Access,
    caller: Option<Result<Caller, ApiError>>,
) -> Result<Option<Caller>, ApiError> {
    match (access, caller) {
        // A route that needs no token is open to an expired one, too.
        (Access::Anyone, caller) => Ok(caller.and_then(Result::ok)),
        (_, None) => Err(NO_TOKEN),
        (_, Some(Err(refused))) => Err(refused),
        (Access::Only(roles), Some(Ok(caller))) if !roles.contains(&caller.role) => {
            Err(ApiError::Refused(Refusal::RoleNotAllowed(caller.role)))
        }
        (_, Some(Ok(caller))) => Ok(Some(caller)),
    }
}

fn verify(app: &App, token: &str, access: Access) -> Result<Caller, ApiError> {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_issuer(&[wire::TOKEN_ISSUER]);
    validation.set_required_spec_claims(&["exp", "iss", "sub"]);
    validation.validate_nbf = true;
    validation.leeway = 0;
    // The signature is looked at first.
    let token =
        jsonwebtoken::decode::<Claims>(token, &app.token_key, &validation).map_err(|error| {
            if *error.kind() == ErrorKind::ExpiredSignature { EXPIRED } else { NOT_OURS }
        })?;
    let role = Role::parse(&token.claims.role).ok_or(NOT_OURS)?;
    Ok(Caller { user: UserId(token.claims.sub), role, access })
}

/// The token, where there is one. Another scheme brings none; of several, each reader might believe another.
fn bearer(headers: &HeaderMap) -> Option<Result<&str, ApiError>> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?.trim();
    if values.next().is_some() {
        let message = "send one Authorization header, not several";
        return Some(Err(ApiError::malformed("authorization", message)));
    }
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    scheme.eq_ignore_ascii_case("bearer").then(|| Ok(token.trim()))
}

impl FromRequestParts<App> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, ApiError> {
        let caller = parts.extensions.get::<Self>().copied();
        caller.ok_or(NO_TOKEN)
    }
}

impl OptionalFromRequestParts<App> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Option<Self>, ApiError> {
        Ok(parts.extensions.get::<Self>().copied())
    }
}
