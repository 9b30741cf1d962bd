//! Registering, logging in, refreshing and logging out. Says as little as it can to whoever isn't in yet.

use axum::Extension;
use axum::extract::State;
use axum::response::Response;

use super::app::App;
use super::error::{ApiError, ValidationErrors};
use super::extract::Body;
use super::limits::Client;
use super::render;
use crate::domain::{Email, Password};
use crate::wire;

/// Longest refresh token that is looked up, in characters.
const TOKEN_LENGTH_MAX: usize = 128;

/// Open an account.
///
/// The answer is the same whether the address was free or has an account already, in which case nothing changes. Otherwise
/// this route would tell everybody who is a customer here.
#[utoipa::path(post, path = "/api/v1/auth/register", operation_id = "register", tag = "accounts",
    request_body = wire::Credentials,
    responses((status = 202, description = "Taken in; log in to see whether the address was free", body = wire::Success<wire::Nothing>)))]
pub async fn register(
    State(app): State<App>,
    Body(credentials): Body<wire::Credentials>,
) -> Result<Response, ApiError> {
    let (email, password) = parse(credentials)?;
    app.accounts.register(&email, password).await?;
    let message = "if the address was free, the account is yours: log in now";
    Ok(render::accepted(wire::Nothing {}, message))
}

/// Log in.
#[utoipa::path(post, path = "/api/v1/auth/login", operation_id = "login", tag = "accounts",
    request_body = wire::Credentials,
    responses((status = 200, description = "Tokens", body = wire::Success<wire::Tokens>),
              (status = 401, description = "The address or the password is wrong")))]
pub async fn login(
    State(app): State<App>,
    Extension(client): Extension<Client>,
    Body(credentials): Body<wire::Credentials>,
) -> Result<Response, ApiError> {
    let (email, password) = parse(credentials)?;
    app.limits.charge_login(&email, client).await?;
    Ok(render::ok(app.accounts.login(&email, password).await?, "logged in"))
}

/// Trade a refresh token for new tokens.
///
/// Each is good for one trade.
#[utoipa::path(post, path = "/api/v1/auth/refresh", operation_id = "refresh_tokens", tag = "accounts",
    request_body = wire::RefreshToken,
    responses((status = 200, description = "Tokens", body = wire::Success<wire::Tokens>),
              (status = 401, description = "The refresh token does not hold")))]
pub async fn refresh(
    State(app): State<App>,
    Body(given): Body<wire::RefreshToken>,
) -> Result<Response, ApiError> {
    Ok(render::ok(app.accounts.refresh(&token(given)?).await?, "refreshed"))
}

/// End the login that a refresh token belongs to.
///
/// Access tokens given before end by themselves.
#[utoipa::path(post, path = "/api/v1/auth/logout", operation_id = "logout", tag = "accounts",
    request_body = wire::RefreshToken,
    responses((status = 200, description = "Logged out, if the token was one", body = wire::Success<wire::Nothing>)))]
pub async fn logout(
    State(app): State<App>,
    Body(given): Body<wire::RefreshToken>,
) -> Result<Response, ApiError> {
    app.accounts.logout(&token(given)?).await?;
    Ok(render::ok(wire::Nothing {}, "logged out"))
}

/// A refresh token that could be one of ours.
fn token(given: wire::RefreshToken) -> Result<String, ApiError> {
    let token = given.refresh_token;
    if token.chars().count() > TOKEN_LENGTH_MAX {
        let message = format!("a refresh token has at most {TOKEN_LENGTH_MAX} characters");
        return Err(ApiError::invalid("refresh_token", message));
    }
    Ok(token)
}

fn parse(credentials: wire::Credentials) -> Result<(Email, Password), ApiError> {
    let wire::Credentials { email, password } = credentials;
    let mut errors = ValidationErrors::default();
    let email = errors.check("email", Email::parse(&email));
    let password = errors.check("password", Password::parse(password));
    email.zip(password).ok_or_else(|| errors.into())
}
