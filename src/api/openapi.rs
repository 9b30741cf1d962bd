//! The API described by itself: OpenAPI 3.1 made from the handlers' own types, and two pages to read it on, served without
//! asking anybody else.

use std::sync::{Arc, LazyLock};

use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde_json::json;
use utoipa::openapi::path::{HttpMethod, Operation};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, ResponseBuilder};

use super::error::ApiError;
use super::guard::Access;
use super::routes::{ROUTES, Route};
use super::{accounts, bookings, events, health, idempotency, reservations, tickets};
use crate::wire;

/// Where the description is.
pub const DOCUMENT: &str = "/api/openapi.json";
/// Pages may run what this server gave them, and ask nobody else.
const PAGE_POLICY: &str = "default-src 'self'; script-src 'self' 'unsafe-inline'; \
    style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; \
    worker-src 'self' blob:; frame-ancestors 'none'";
/// Scripts and styles change with the program only.
const ASSET_LIFE: &str = "public, max-age=86400";

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "ticketctl booking API",
        description = "Events, holds with an end, a payment saga, and one effect for each Idempotency-Key. Every answer \
                       has the same envelope; an answer that never came may have had its effect: ask again with the \
                       same key, or look it up under /api/v1/idempotency.",
        license(name = "MIT", identifier = "MIT")
    ),
    paths(
        accounts::register, accounts::login, accounts::refresh, accounts::logout,
        events::list, events::create, events::show, events::change, events::delete, events::seats, events::upload_seats,
        events::availability, reservations::create, reservations::show, reservations::list_of_user,
        reservations::extend, reservations::cancel, bookings::create, bookings::confirm, bookings::list,
        bookings::list_of_user, bookings::show, bookings::show_by_reference, bookings::cancel, tickets::qr,
        tickets::check_in, idempotency::show, health::overall, health::live, health::ready, health::metrics,
    ),
    components(schemas(wire::Failure)),
    tags(
        (name = "accounts", description = "Who somebody is"),
        (name = "events", description = "What is for sale"),
        (name = "reservations", description = "Seats held for a while"),
        (name = "bookings", description = "Sales"),
        (name = "tickets", description = "The door"),
        (name = "idempotency", description = "What became of a key"),
        (name = "operations", description = "Probes and figures"),
    )
)]
struct Described;

/// What a refusal may look like, besides the answers that a handler names: status, and when.
const REFUSALS: &[(&str, &str)] = &[
    ("400", "The path, the query, a header or the body can't be read"),
    ("402", "The payment was declined"),
    ("404", "There is no such thing"),
    (
        "409",
        "Not as things stand: the reason is the error's field. With Retry-After: still running, ask again",
    ),
    ("410", "It ended before it could be used"),
    ("412", "Changed by somebody else since the version in If-Match"),
    ("413", "The body is too large"),
    ("415", "The body is of another kind"),
    ("422", "The body makes no sense here"),
    ("428", "A change has to say which version it was made from"),
    ("429", "Too many requests; Retry-After says when to ask again"),
    ("503", "A dependency is away; Retry-After says when to ask again"),
];

/// The whole description, rules and refusals of the route table included.
pub static OPENAPI: LazyLock<OpenApi> = LazyLock::new(describe);

fn describe() -> OpenApi {
    let mut described = <Described as utoipa::OpenApi>::openapi();
    let bearer = SecurityScheme::Http(
        Http::builder().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build(),
    );
    described.components.get_or_insert_default().add_security_scheme("bearer", bearer);
    for route in ROUTES {
        if let Some(operation) = operation(&mut described, route) {
            add_rule(operation, route);
        }
    }
    described
}

/// The description of a route, if it has one.
fn operation<'a>(described: &'a mut OpenApi, route: &Route) -> Option<&'a mut Operation> {
    let method = http_method(route)?;
    let item = described.paths.paths.get_mut(route.path)?;
    match method {
        HttpMethod::Get => item.get.as_mut(),
        HttpMethod::Put => item.put.as_mut(),
        HttpMethod::Post => item.post.as_mut(),
        HttpMethod::Delete => item.delete.as_mut(),
        HttpMethod::Patch => item.patch.as_mut(),
        _ => None,
    }
}

fn http_method(route: &Route) -> Option<HttpMethod> {
    match route.method.as_str() {
        "GET" => Some(HttpMethod::Get),
        "PUT" => Some(HttpMethod::Put),
        "POST" => Some(HttpMethod::Post),
        "DELETE" => Some(HttpMethod::Delete),
        "PATCH" => Some(HttpMethod::Patch),
        _ => None,
    }
}

fn add_rule(operation: &mut Operation, route: &Route) {
    let who = match route.access {
        Access::Anyone => None,
        Access::SignedIn => Some("Any user.".to_owned()),
        Access::Owner => Some("Its owner, or an admin.".to_owned()),
        Access::Only(roles) => {
            let names: Vec<&str> = roles.iter().map(|role| role.name()).collect();
            Some(format!("Users in the role {}.", names.join(" or ")))
        }
    };
    let mut refusals = REFUSALS.to_vec();
    if who.is_some() {
        refusals.push(("401", "No access token, or one that does not hold"));
        refusals.push(("403", "Not for this user"));
        operation.security = Some(vec![SecurityRequirement::new("bearer", Vec::<String>::new())]);
    } else if !route.path.starts_with("/health") {
        // Anybody may come; who comes with a token is recognised.
        refusals.push(("401", "Only for users"));
        operation.security = Some(vec![
            SecurityRequirement::default(),
            SecurityRequirement::new("bearer", Vec::<String>::new()),
        ]);
    }
    if let Some(who) = who {
        let text = operation.description.take().map(|text| format!("{text}\n\n{who}"));
        operation.description = Some(text.unwrap_or(who));
    }
    for (status, when) in refusals {
        let refused = ResponseBuilder::new()
            .description(when)
            .content(
                "application/json",
                ContentBuilder::new().schema(Some(Ref::from_schema_name("Failure"))).build(),
            )
            .build();
        operation.responses.responses.entry(status.to_owned()).or_insert(RefOr::T(refused));
    }
}

static DOCUMENT_JSON: LazyLock<String> =
    LazyLock::new(|| OPENAPI.to_json().unwrap_or_else(|error| error.to_string()));

/// `GET /api/openapi.json`.
pub async fn document() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT_JSON.as_str()).into_response()
}

static SWAGGER: LazyLock<Arc<utoipa_swagger_ui::Config<'static>>> =
    LazyLock::new(|| Arc::new(utoipa_swagger_ui::Config::new([DOCUMENT])));

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
    asset("text/html; charset=utf-8", SCALAR.as_bytes().to_vec())
}

/// `GET /api/reference/scalar.js`: what the page runs.
pub async fn scalar_script() -> Result<Response, ApiError> {
    let script = scalar_api_reference::get_asset("scalar.js");
    let script = script.ok_or_else(|| ApiError::Internal("scalar.js is missing".to_owned()))?;
    Ok(asset("text/javascript; charset=utf-8", script))
}

fn asset(kind: &str, bytes: Vec<u8>) -> Response {
    let life = if kind.starts_with("text/html") { "no-cache" } else { ASSET_LIFE };
    let mut response = (StatusCode::OK, bytes).into_response();
    let headers = response.headers_mut();
    let kind = HeaderValue::from_str(kind).unwrap_or(HeaderValue::from_static("text/plain"));
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE_POLICY));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(life));
    response
}
