//! The API's description of itself, and the pages it is read on.

use std::collections::BTreeSet;

use reqwest::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::app::{Setup, TestApp, value};
use crate::api::auth::Access;
use crate::api::routes::{self, OPENAPI, ROUTES};
use crate::domain::{BookingState, HoldTtl, RecordState, ReservationState, Role};
use crate::wire;

fn described() -> Value {
    value(&OPENAPI.to_json().unwrap())
}

#[test]
fn every_route_is_described_and_nothing_else_is() {
    let described = described();
    let paths = described["paths"].as_object().unwrap();
    let in_document: BTreeSet<String> = paths
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().keys();
            methods.map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    let of_table: BTreeSet<String> = ROUTES
        .iter()
        .filter(|route| !route.path.starts_with("/api") || route.path.starts_with("/api/v1"))
        .map(|route| format!("{} {}", route.method, route.path))
        .collect();
    assert_eq!(in_document, of_table);
}

/// Every operation with its method and path.
fn operations(described: &Value) -> Vec<(String, &Value)> {
    let paths = described["paths"].as_object().unwrap().iter();
    let operations = paths.flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter();
        methods.map(move |(method, operation)| {
            (format!("{} {path}", method.to_uppercase()), operation)
        })
    });
    operations.collect()
}

#[test]
fn only_what_needs_a_token_has_a_padlock() {
    let described = described();
    assert!(described.get("security").is_none(), "every route has one, unless it says otherwise");
    for route in ROUTES {
        let operation = &described["paths"][route.path][route.method.as_str().to_ascii_lowercase()];
        let needs: &[&str] = if route.access == Access::Anyone { &[] } else { &["bearer"] };
        if let Some(security) = operation["security"].as_array() {
            let names = security.iter().flat_map(|one| one.as_object().unwrap().keys());
            assert_eq!(names.collect::<Vec<_>>(), needs, "{route:?}");
        } else {
            assert!(operation.is_null(), "{route:?} does not say whether it needs a token");
        }
    }
}

fn statuses(described: &Value, method: &str, path: &str) -> Vec<u16> {
    let responses = described["paths"][path][method]["responses"].as_object().unwrap();
    responses.keys().map(|status| status.parse().unwrap()).collect()
}

#[test]
fn the_description_is_openapi_3_1_and_every_operation_has_a_name_of_its_own() {
    let described = described();
    assert!(described["openapi"].as_str().unwrap().starts_with("3.1"));
    assert_eq!(described["servers"][0]["url"], "/");
    let mut names = BTreeSet::new();
    for (what, operation) in operations(&described) {
        let name = operation["operationId"].as_str().unwrap();
        assert!(names.insert(name), "{what}: there are two operations called {name}");
        let is_word = |c: char| c.is_ascii_lowercase() || c == '_';
        assert!(name.chars().all(is_word), "{what} is called {name}");
        // Plain text, where a description may have marks.
        let summary =
            operation["summary"].as_str().unwrap_or_else(|| panic!("{what} says nothing"));
        assert!(
            summary.len() <= 72 && !summary.contains(['`', '\n', '*', '_']),
            "{what}: {summary}"
        );
        assert_eq!(summary.find('.'), Some(summary.len() - 1), "{what}: {summary} is one sentence");
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(parameter["description"].is_string(), "{what}: {parameter}");
        }
    }
}

#[test]
fn an_operation_has_the_statuses_that_it_can_answer_and_no_others() {
    let described = described();
    let confirm =
        [201, 400, 401, 402, 403, 404, 408, 409, 410, 413, 415, 422, 428, 429, 431, 500, 503];
    let confirm: Vec<u16> = confirm.into_iter().filter(|status| *status != 428).collect();
    for (method, path, expected) in [
        ("get", "/health/live", vec![200, 400, 431]),
        ("get", "/metrics", vec![200, 400, 431]),
        ("post", "/api/v1/auth/login", vec![200, 400, 401, 408, 413, 415, 422, 429, 431, 500, 503]),
        ("get", "/api/v1/events/{id}", vec![200, 400, 404, 429, 431, 500, 503]),
        (
            "delete",
            "/api/v1/events/{id}",
            vec![200, 400, 401, 403, 404, 409, 412, 428, 429, 431, 500, 503],
        ),
        ("get", "/api/v1/bookings", vec![200, 400, 401, 429, 431, 500, 503]),
        ("post", "/api/v1/bookings/confirm", confirm),
    ] {
        assert_eq!(statuses(&described, method, path), expected, "{method} {path}");
    }
}

#[test]
fn every_refusal_has_the_envelope_and_every_answer_its_headers() {
    let described = described();
    for (what, operation) in operations(&described) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            assert_ne!(response["description"], "", "{what} {status}");
            let has = |name: &str| response["headers"].get(name).is_some();
            assert!(has("X-Request-Id"), "{what} {status}");
            let schema = &response["content"]["application/json"]["schema"]["$ref"];
            let is_refusal = status.starts_with(['4', '5']);
            // Of a server that is not ready, every part is told.
            assert!(
                schema == "#/components/schemas/Failure" || !is_refusal || status == "503",
                "{what} {status}"
            );
            if !what.contains("/api/") {
                continue;
            }
            assert_eq!(has("RateLimit"), status != "431", "{what} {status}");
            let waits = ["429", "503"].contains(&status.as_str());
            assert!(has("Retry-After") || !waits, "{what} {status}");
            assert_eq!(schema == "#/components/schemas/Failure", is_refusal, "{what} {status}");
        }
    }
    let header = |method: &str, path: &str, status: &str, name: &str| {
        let response = &described["paths"][path][method]["responses"][status];
        assert!(response["headers"].get(name).is_some(), "{method} {path} {status}: {name}");
    };
    for (method, path, status) in [
        ("get", "/api/v1/events/{id}", "200"),
        ("post", "/api/v1/events", "201"),
        ("put", "/api/v1/events/{id}/seats", "200"),
    ] {
        header(method, path, status, "ETag");
    }
    header("post", "/api/v1/reservations", "201", "Idempotent-Replayed");
    header("post", "/api/v1/reservations", "409", "Retry-After");
}

#[test]
fn words_that_are_few_are_listed() {
    let described = described();
    let words = |schema: &str, field: &str| -> Vec<String> {
        let field = &described["components"]["schemas"][schema]["properties"][field];
        serde_json::from_value(field["enum"].clone()).unwrap_or_else(|_| panic!("{field}"))
    };
    let roles = Role::ALL.map(Role::name);
    assert_eq!(words("Tokens", "role"), roles);
    for state in words("Reservation", "state") {
        assert!(ReservationState::parse(&state).is_some(), "{state}");
    }
    for state in words("Booking", "state") {
        assert!(BookingState::parse(&state).is_some(), "{state}");
    }
    for state in words("IdempotencyStatus", "state") {
        assert!(RecordState::parse(&state).is_some(), "{state}");
    }
    let field = &described["components"]["schemas"]["FieldError"]["properties"]["field"];
    for reason in wire::Reason::ALL.map(wire::Reason::name) {
        assert!(field["description"].as_str().unwrap().contains(reason), "{reason}: {field}");
    }
}

#[test]
fn every_body_and_every_answer_has_an_example_that_is_one() {
    fn reads<T: DeserializeOwned + Serialize>(schemas: &Value, name: &str) {
        let example = &schemas[name]["examples"][0];
        let read: T = serde_json::from_value(example.clone())
            .unwrap_or_else(|error| panic!("{name}: {error}: {example}"));
        assert_eq!(serde_json::to_value(read).unwrap(), *example, "{name}");
    }
    let described = described();
    let schemas = &described["components"]["schemas"];
    reads::<wire::Credentials>(schemas, "Credentials");
    reads::<wire::RefreshToken>(schemas, "RefreshToken");
    reads::<wire::Tokens>(schemas, "Tokens");
    reads::<wire::CreateEvent>(schemas, "CreateEvent");
    reads::<wire::ChangeEvent>(schemas, "ChangeEvent");
    reads::<wire::Event>(schemas, "Event");
    reads::<wire::Seat>(schemas, "Seat");
    reads::<wire::SeatMap>(schemas, "SeatMap");
    reads::<wire::Availability>(schemas, "Availability");
    reads::<wire::CreateReservation>(schemas, "CreateReservation");
    reads::<wire::Reservation>(schemas, "Reservation");
    reads::<wire::ConfirmBooking>(schemas, "ConfirmBooking");
    reads::<wire::CreateBooking>(schemas, "CreateBooking");
    reads::<wire::Booking>(schemas, "Booking");
    reads::<wire::CheckIn>(schemas, "CheckIn");
    reads::<wire::IdempotencyStatus>(schemas, "IdempotencyStatus");
    reads::<wire::Failure>(schemas, "Failure");
    for (what, operation) in operations(&described) {
        for (kind, content) in operation["requestBody"]["content"].as_object().into_iter().flatten()
        {
            let name = content["schema"]["$ref"].as_str().and_then(|name| name.rsplit('/').next());
            let is_shown = name.is_some_and(|name| schemas[name]["examples"].is_array())
                || content["example"].is_string();
            assert!(is_shown, "{what} {kind} has no example");
        }
    }
}

#[tokio::test]
async fn both_pages_are_served_whole_and_name_no_other_host() {
    let app = TestApp::start(Setup::default()).await;
    let get = |path: &'static str| app.call(Method::GET, path).send();
    // Its own bounds aside, every server has the same.
    let ours = routes::description(HoldTtl::from_seconds(60).unwrap());
    assert_eq!(get("/api/openapi.json").await.body.as_bytes(), ours);
    let described = described().to_string().replace("\"maximum\":3600", "\"maximum\":60");
    assert_eq!(serde_json::from_slice::<Value>(&ours).unwrap(), value(&described));
    let page = get("/api").await;
    assert!(page.body.contains("swagger-ui"), "{}", page.body);
    for file in ["swagger-ui.css", "swagger-ui-bundle.js", "swagger-initializer.js"] {
        assert!(page.body.contains(file), "{file} is not asked for");
    }
    let starter = get("/api/swagger-initializer.js").await;
    assert!(starter.body.contains("/api/openapi.json"), "{}", starter.body);
    assert!(starter.body.contains("\"validatorUrl\": \"none\""), "{}", starter.body);
    assert_eq!(get("/api/swagger-ui-bundle.js").await.status, StatusCode::OK);
    assert_eq!(get("/api/nothing.js").await.status, StatusCode::NOT_FOUND);
    let scalar = get("/api/reference").await;
    assert!(scalar.body.contains("/api/reference/scalar.js"), "{}", scalar.body);
    for page in [&page, &scalar] {
        assert!(!page.body.contains("https://"), "{}", page.body);
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'self'"), "{policy}");
    }
    assert!(get("/api/reference/scalar.js").await.body.len() > 1_000_000);
}
