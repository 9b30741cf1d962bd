//! What became of a key: how a client whose request got no answer finds out, without repeating it.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;

use super::app::App;
use super::auth::Caller;
use super::error::ApiError;
use super::render;
use crate::domain::{IdempotencyKey, Refusal};
use crate::storage::idempotency;
use crate::wire;

/// Look up what became of an operation of the caller's.
///
/// Read from PostgreSQL, never from a cache; 404 means that no effect of it exists.
#[utoipa::path(get, path = "/api/v1/idempotency/{key}", operation_id = "read_operation", tag = "idempotency",
    params(("key" = String, Path, description = "The Idempotency-Key that was sent", min_length = 1, max_length = 255)),
    responses((status = 200, description = "Where it stands", body = wire::Success<wire::IdempotencyStatus>),
              (status = 404, description = "No effect of it exists")))]
pub async fn show(
    State(app): State<App>,
    caller: Caller,
    key: Result<Path<String>, PathRejection>,
) -> Result<Response, ApiError> {
    let Path(key) = key?;
    let key = IdempotencyKey::parse(&key).map_err(|error| ApiError::malformed("key", error))?;
    let mut connection = app.context.storage.connection().await?;
    let found = idempotency::find(&mut connection, caller.user, &key).await?;
    let record = found.ok_or(ApiError::Refused(Refusal::NotFound("operation")))?;
    let (status_code, response) = match record.response {
        Some(response) => (Some(response.status), serde_json::from_str(&response.body).ok()),
        None => (None, None),
    };
    let status = wire::IdempotencyStatus {
        key: key.as_str().to_owned(),
        state: record.state.name().to_owned(),
        status_code,
        response,
    };
    Ok(render::ok(status, "ok"))
}
