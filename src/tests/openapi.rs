//! The API's description of itself, and the pages it is read on.

use std::collections::BTreeSet;

use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::app::{Setup, TestApp, value};
use crate::api::openapi::OPENAPI;
use crate::api::routes::ROUTES;

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

#[test]
fn the_description_is_openapi_3_1_and_names_what_every_refusal_looks_like() {
    let described = described();
    assert!(described["openapi"].as_str().unwrap().starts_with("3.1"));
    for (path, item) in described["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            for status in ["400", "404", "429", "503"] {
                assert!(operation["responses"].get(status).is_some(), "{method} {path}: {status}");
            }
            assert!(operation["summary"].is_string(), "{method} {path} says nothing");
        }
    }
    let confirm = &described["paths"]["/api/v1/bookings/confirm"]["post"];
    assert_eq!(
        confirm["responses"]["402"]["content"]["application/json"]["schema"]["$ref"],
        "#/components/schemas/Failure"
    );
}

#[tokio::test]
async fn both_pages_are_served_whole_and_name_no_other_host() {
    let app = TestApp::start(Setup::default()).await;
    let get = |path: &'static str| app.call(Method::GET, path).send();
    assert_eq!(value(&get("/api/openapi.json").await.body), described());
    let page = get("/api").await;
    assert!(page.body.contains("swagger-ui"), "{}", page.body);
    for file in ["swagger-ui.css", "swagger-ui-bundle.js", "swagger-initializer.js"] {
        assert!(page.body.contains(file), "{file} is not asked for");
    }
    let starter = get("/api/swagger-initializer.js").await;
    assert!(starter.body.contains("/api/openapi.json"), "{}", starter.body);
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
