//! What an operation answers: the statuses and headers that its rule, its budget and what it reads imply, added to those
//! that its handler names. Says nothing that the operation can't answer: the tests hold every answer they see against it.

use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::schema::{Object, Type};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};

use crate::api::auth::Access;
use crate::api::limits::Budget;
use crate::api::route::Route;
use crate::wire;

/// Answered before there is a request that could be counted.
const HEADERS_TOO_LARGE: &str = "431";
/// What a key keeps and repeats: its request's effect, or the refusal that decided it.
const KEPT: [&str; 7] = ["201", "402", "403", "404", "409", "410", "422"];

/// A part of a request that an operation reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Parameters of the path or the query.
    Parameters,
    Body,
    /// `Idempotency-Key`.
    Key,
    /// `If-Match`.
    Version,
}

/// What an operation reads of a request.
struct Reads(Vec<Part>);

impl Reads {
    fn of(operation: &Operation) -> Self {
        let body = operation.request_body.iter().map(|_| Part::Body);
        let parameters = operation.parameters.iter().flatten().filter_map(|parameter| {
            let RefOr::T(Parameter { name, parameter_in, .. }) = parameter else { return None };
            match (parameter_in, name.as_str()) {
                (ParameterIn::Path | ParameterIn::Query, _) => Some(Part::Parameters),
                (_, wire::IDEMPOTENCY_KEY) => Some(Part::Key),
                (_, "if-match") => Some(Part::Version),
                _ => None,
            }
        });
        Self(body.chain(parameters).collect())
    }

    fn has(&self, part: Part) -> bool {
        self.0.contains(&part)
    }
}

/// A status, which operations answer it, and when.
type ImpliedStatus = (&'static str, fn(&Route, &Reads) -> bool, &'static str);

const STATUSES: &[ImpliedStatus] = &[
    ("400", |_, _| true, "The path, the query, a header such as Host, or the body can't be read"),
    (
        "401",
        |route, _| route.access != Access::Anyone,
        "No access token, or one that has expired (refresh it) or is not this server's (log in)",
    ),
    (
        "403",
        |route, _| !matches!(route.access, Access::Anyone | Access::SignedIn),
        "Not for this user",
    ),
    ("408", |_, reads| reads.has(Part::Body), "The body does not come in time"),
    (
        "409",
        |_, reads| reads.has(Part::Key),
        "The first request with this key is still running; Retry-After says when to ask again",
    ),
    (
        "412",
        |_, reads| reads.has(Part::Version),
        "Changed by somebody else since the version in If-Match",
    ),
    ("413", |_, reads| reads.has(Part::Body), "The body is too large"),
    ("415", |_, reads| reads.has(Part::Body), "The body is of another kind, or packed"),
    ("422", |_, reads| reads.has(Part::Body), "A field makes no sense; errors names each"),
    ("422", |_, reads| reads.has(Part::Key), "The key was used for another request"),
    (
        "428",
        |_, reads| reads.has(Part::Version),
        "If-Match is missing, `*` or a list: a change says which version it was made from",
    ),
    ("429", |route, _| is_counted(route), "Too many requests; Retry-After says when to ask again"),
    (HEADERS_TOO_LARGE, |_, _| true, "The headers are too large"),
    ("500", |route, _| is_counted(route), "A defect of the server's; its log has the X-Request-Id"),
    (
        "503",
        |route, _| is_counted(route),
        "A dependency is away; Retry-After says when to ask again",
    ),
];

fn is_counted(route: &Route) -> bool {
    route.budget != Budget::Unlimited
}

/// A header, which answers have it, what it holds, and what that means.
type ImpliedHeader = (&'static str, fn(&Route, &Reads, &str) -> bool, Type, &'static str);

const HEADERS: &[ImpliedHeader] = &[
    (
        "X-Request-Id",
        |_, _, _| true,
        Type::String,
        "Names the request in the server's log; the client's own, if it brought one",
    ),
    (
        "RateLimit",
        |route, _, status| is_counted(route) && status != HEADERS_TOO_LARGE,
        Type::String,
        "What is left of each limit, and the seconds until there is more; absent where nothing is counted",
    ),
    (
        "RateLimit-Policy",
        |route, _, status| is_counted(route) && status != HEADERS_TOO_LARGE,
        Type::String,
        "The limits: requests (q) within a window of seconds (w)",
    ),
    (
        "Retry-After",
        |route, reads, status| match status {
            "409" => reads.has(Part::Key),
            "429" | "503" => is_counted(route),
            _ => false,
        },
        Type::Integer,
        "Seconds to wait before asking again",
    ),
    (
        "Accept-Encoding",
        |_, _, status| status == "415",
        Type::String,
        "identity, where the body was packed",
    ),
    (
        "WWW-Authenticate",
        |_, _, status| status == "401",
        Type::String,
        "Bearer, and error=\"invalid_token\" where a token was sent: error_description says whether to refresh or to log in",
    ),
    (
        "Idempotent-Replayed",
        |_, reads, status| reads.has(Part::Key) && KEPT.contains(&status),
        Type::String,
        "true, where the answer was kept from an earlier request with the same key",
    ),
];

/// Adds what the route implies.
pub fn add(operation: &mut Operation, route: &Route) {
    let reads = Reads::of(operation);
    let responses = &mut operation.responses.responses;
    for (status, _, when) in STATUSES.iter().filter(|(_, fits, _)| fits(route, &reads)) {
        let response = responses
            .entry((*status).to_owned())
            .or_insert_with(|| RefOr::T(ResponseBuilder::new().build()));
        if let RefOr::T(response) = response {
            let known = std::mem::take(&mut response.description);
            response.description =
                if known.is_empty() { (*when).to_owned() } else { format!("{known}. {when}") };
        }
    }
    for (status, response) in responses {
        if let RefOr::T(response) = response {
            complete(response, status, route, &reads);
        }
    }
}

/// Adds the headers of an answer, and the envelope where it is a refusal.
fn complete(response: &mut Response, status: &str, route: &Route, reads: &Reads) {
    let is_refusal = status.starts_with(['4', '5']);
    if is_refusal && response.content.is_empty() {
        let schema = Ref::from_schema_name("Failure");
        let content = ContentBuilder::new().schema(Some(schema)).build();
        response.content.insert("application/json".to_owned(), RefOr::T(content));
    }
    for (name, _, kind, meaning) in
        HEADERS.iter().filter(|(_, fits, ..)| fits(route, reads, status))
    {
        let schema = Object::with_type(kind.clone());
        let header = HeaderBuilder::new().schema(Some(schema)).description(Some(*meaning)).build();
        response.headers.insert((*name).to_owned(), RefOr::T(header));
    }
}
