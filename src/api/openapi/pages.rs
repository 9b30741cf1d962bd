//! The two pages that the description is read on, served from the binary without asking anybody else.

use std::sync::{Arc, LazyLock};

use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde_json::json;

use crate::api::error::ApiError;

/// Where the description is.
pub const DOCUMENT: &str = "/api/openapi.json";
/// Pages may run what this server gave them, and load nothing from other hosts.
const PAGE_POLICY: &str = "default-src 'self'; script-src 'self' 'unsafe-inline'; \
    style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; \
    worker-src 'self' blob:; frame-ancestors 'none'";
/// Scripts and styles change with the program only.
const ASSET_LIFE: &str = "public, max-age=86400";

/// Unless told otherwise, the page has swagger.io look at the description and draw a badge.
const NO_VALIDATOR: &str = "none";

static SWAGGER: LazyLock<Arc<utoipa_swagger_ui::Config<'static>>> = LazyLock::new(|| {
    Arc::new(utoipa_swagger_ui::Config::new([DOCUMENT]).validator_url(NO_VALIDATOR))
});

/// `GET /api`: to the page, whose own links need the slash.
pub async fn to_swagger() -> Redirect {
    Redirect::permanent("/api/")
}

/// `GET /api/`: Swagger UI.
pub async fn swagger() -> Result<Response, ApiError> {
    swagger_file("index.html")
}

/// `GET /api/{file}`: what the page loads.
pub async fn swagger_asset(Path(file): Path<String>) -> Result<Response, ApiError> {
    swagger_file(&file)
}

fn swagger_file(name: &str) -> Result<Response, ApiError> {
    let found = utoipa_swagger_ui::serve(name, Arc::clone(&SWAGGER))
        .map_err(|error| ApiError::Internal(error.to_string()))?;
    let file = found.ok_or(ApiError::NoSuchRoute)?;
    Ok(asset(&file.content_type, file.bytes.into_owned()))
}

static SCALAR: LazyLock<String> = LazyLock::new(|| {
    let settings = json!({
        "url": DOCUMENT,
        "withDefaultFonts": false,
        "telemetry": false,
        "showDeveloperTools": "never",
        "agent": { "disabled": true },
    });
    scalar_api_reference::scalar_html(&settings, Some("/api/reference/scalar.js"))
});

/// `GET /api/reference`: Scalar.
pub async fn scalar() -> Response {
    asset("text/html; charset=utf-8", SCALAR.clone())
}

/// `GET /api/reference/scalar.js`: what the page runs.
pub async fn scalar_script() -> Result<Response, ApiError> {
    let script = SCALAR_SCRIPT.clone();
    let script = script.ok_or_else(|| ApiError::Internal("scalar.js is missing".to_owned()))?;
    Ok(asset("text/javascript; charset=utf-8", script))
}

/// Five megabytes: one copy for all requests.
static SCALAR_SCRIPT: LazyLock<Option<Bytes>> =
    LazyLock::new(|| scalar_api_reference::get_asset("scalar.js").map(Bytes::from));

fn asset(kind: &str, bytes: impl Into<Bytes>) -> Response {
    let life = if kind.starts_with("text/html") { "no-cache" } else { ASSET_LIFE };
    let mut response = (StatusCode::OK, bytes.into()).into_response();
    let headers = response.headers_mut();
    let kind = HeaderValue::from_str(kind).unwrap_or(HeaderValue::from_static("text/plain"));
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE_POLICY));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(life));
    response
}
