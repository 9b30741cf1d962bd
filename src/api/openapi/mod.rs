//! The API described by itself: OpenAPI 3.1 made from the handlers' own types and from the rules of the route table.

/// What an operation answers, besides what its handler names.
pub mod answers;
/// Where it is read.
pub mod pages;

use utoipa::Number;
use utoipa::openapi::path::{HttpMethod, Operation};
use utoipa::openapi::schema::Schema;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{OpenApi, RefOr};

use super::auth::Access;
use super::route::Route;
use super::{accounts, bookings, events, health, idempotency, reservations, tickets};
use crate::domain::HoldTtl;
use crate::wire;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "ticketctl booking API",
        description = "Events, holds with an end, a payment saga, and one effect for each Idempotency-Key. Every answer \
                       has the same envelope; an answer that never came may have had its effect: ask again with the \
                       same key, or look it up under /api/v1/idempotency.",
        license(name = "MIT", identifier = "MIT")
    ),
    servers((url = "/", description = "The server that this description came from")),
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
        (name = "tickets", description = "Tickets and their check-in"),
        (name = "idempotency", description = "What became of a key"),
        (name = "operations", description = "Probes and metrics"),
    )
)]
struct Described;

/// The whole description, rules and refusals of these routes included.
pub fn describe(routes: &[Route]) -> OpenApi {
    let mut described = <Described as utoipa::OpenApi>::openapi();
    let bearer = SecurityScheme::Http(
        Http::builder().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build(),
    );
    described.components.get_or_insert_default().add_security_scheme("bearer", bearer);
    for route in routes {
        if let Some(operation) = operation(&mut described, route) {
            describe_access(operation, route);
            answers::add(operation, route);
        }
    }
    described
}

/// The description of a server that holds seats so long at most.
pub fn bounded(mut described: OpenApi, hold_ttl: HoldTtl) -> OpenApi {
    let schemas = described.components.as_mut().map(|components| &mut components.schemas);
    let order = schemas.and_then(|schemas| schemas.get_mut("CreateReservation"));
    if let Some(RefOr::T(Schema::Object(order))) = order
        && let Some(RefOr::T(Schema::Object(ttl))) = order.properties.get_mut("ttl_seconds")
    {
        ttl.maximum = Some(Number::UInt(usize::try_from(hold_ttl.seconds()).unwrap_or(usize::MAX)));
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

/// Writes the route's rule into its description.
fn describe_access(operation: &mut Operation, route: &Route) {
    let with_token = SecurityRequirement::new("bearer", Vec::<String>::new());
    let (who, security) = match route.access {
        // Pages draw a padlock on what may have a token as they do on what needs one.
        Access::Anyone => (None, Vec::new()),
        Access::SignedIn => (Some("Any user.".to_owned()), vec![with_token]),
        Access::Owner => (Some("Its owner, or an admin.".to_owned()), vec![with_token]),
        Access::OwnerAlone => {
            (Some("Its owner alone, not even an admin.".to_owned()), vec![with_token])
        }
        Access::Only(roles) => {
            let names: Vec<&str> = roles.iter().map(|role| role.name()).collect();
            (Some(format!("Users in the role {}.", names.join(" or "))), vec![with_token])
        }
    };
    operation.security = Some(security);
    if let Some(who) = who {
        let text = operation.description.take().map(|text| format!("{text}\n\n{who}"));
        operation.description = Some(text.unwrap_or(who));
    }
}
