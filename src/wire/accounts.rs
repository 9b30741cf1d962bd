//! Accounts: who somebody is, and the tokens that prove it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::Object;
use uuid::Uuid;

use super::one_of;

/// `iss` of every access token.
pub const TOKEN_ISSUER: &str = "ticketctl";

/// Claims of an access token (JWT, HS256).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Claims {
    /// The caller's user id.
    pub sub: Uuid,
    /// `customer`, `organizer` or `admin`.
    pub role: String,
    /// Issuer, always [`TOKEN_ISSUER`].
    pub iss: String,
    /// Expiry, seconds since the Unix epoch.
    pub exp: u64,
}

/// `POST /api/v1/auth/register` and `/api/v1/auth/login`.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"email": "ada@example.org", "password": "correct horse battery"})))]
pub struct Credentials {
    /// E-mail address; case does not matter.
    #[schema(max_length = 254)]
    pub email: String,
    /// 12 to 128 characters.
    #[schema(min_length = 12, max_length = 128, format = Password)]
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Credentials").finish_non_exhaustive()
    }
}

/// `POST /api/v1/auth/refresh` and `/api/v1/auth/logout`.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"refresh_token": "q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k"})))]
pub struct RefreshToken {
    /// The refresh token last given.
    #[schema(max_length = 128)]
    pub refresh_token: String,
}

impl std::fmt::Debug for RefreshToken {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("RefreshToken").finish_non_exhaustive()
    }
}

/// What there is to say where the message says it all: `{}`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Nothing {}

/// What a login or a refresh gives.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(examples(json!({"access_token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI1YjFkMGM1MiJ9.c2lnbmF0dXJl", "expires_in": 900,
    "refresh_token": "q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k", "user_id": "5b1d0c52-6a0e-4f7b-8d2b-1f4a9f3c2e77",
    "role": "customer"})))]
pub struct Tokens {
    /// JWT for the `Authorization: Bearer` header.
    pub access_token: String,
    /// Seconds until it ends.
    pub expires_in: u64,
    /// Good for one refresh, within seven days.
    pub refresh_token: String,
    /// Whose they are.
    pub user_id: Uuid,
    /// In which role.
    #[schema(schema_with = roles)]
    pub role: String,
}

fn roles() -> Object {
    one_of(&["customer", "organizer", "admin"], "In which role.")
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Tokens").field("user_id", &self.user_id).finish_non_exhaustive()
    }
}
