//! The handlers under `/proxies`, `/populate` and `/reset`; they parse, call the registry and answer.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::toxiproxy::api::Api;
use crate::toxiproxy::api::answer::{self, Refused};
use crate::toxiproxy::api::request::{Body, ProxyName};
use crate::toxiproxy::body::first_value;
use crate::toxiproxy::registry::Populated;
use crate::toxiproxy::request::{NewProxy, ProxyChange};

type Answer = Result<Response, Refused>;

pub async fn list(State(api): State<Api>) -> Response {
    answer::json(StatusCode::OK, &api.registry.list().await)
}

pub async fn create(State(api): State<Api>, Body(body): Body) -> Answer {
    let new = NewProxy::parse(&first_value(&body)?)?;
    let view = api.change(|registry| async move { registry.create(&new).await }).await?;
    Ok(answer::json(StatusCode::CREATED, &view))
}

pub async fn populate(State(api): State<Api>, body: Result<Body, Refused>) -> Response {
    let parse = |Body(body): Body| NewProxy::parse_list(&first_value(&body)?);
    let populated = match body.map_err(|Refused(error)| error).and_then(parse) {
        Ok(list) => api.change(|registry| async move { Ok(registry.populate(&list).await) }).await,
        Err(error) => Err(error),
    };
    answer::populated(&populated.unwrap_or_else(Populated::refused))
}

pub async fn get(State(api): State<Api>, ProxyName(proxy): ProxyName) -> Answer {
    Ok(answer::json(StatusCode::OK, &api.registry.get(&proxy).await?))
}

pub async fn update(
    State(api): State<Api>,
    ProxyName(proxy): ProxyName,
    Body(body): Body,
) -> Answer {
    let change = move || ProxyChange::parse(&first_value(&body)?);
    let view = api.change(|registry| async move { registry.update(&proxy, change).await }).await?;
    Ok(answer::json(StatusCode::OK, &view))
}

pub async fn delete(
    State(api): State<Api>,
    ProxyName(proxy): ProxyName,
) -> Result<StatusCode, Refused> {
    api.change(|registry| async move { registry.delete(&proxy).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn reset(State(api): State<Api>) -> Result<StatusCode, Refused> {
    api.change(|registry| async move { registry.reset().await }).await?;
    Ok(StatusCode::NO_CONTENT)
}
