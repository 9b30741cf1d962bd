//! The handlers under `/proxies`, `/populate` and `/reset`; they parse, call the registry and answer.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::answer::{self, Refused};
use super::context::Context;
use super::request::{Body, ProxyName};
use crate::toxiproxy::body::first_value;
use crate::toxiproxy::registry::Populated;
use crate::toxiproxy::request::{NewProxy, ProxyChange};

type Answer = Result<Response, Refused>;

pub async fn list(State(context): State<Context>) -> Response {
    answer::json(StatusCode::OK, &context.registry.list().await)
}

pub async fn create(State(context): State<Context>, Body(body): Body) -> Answer {
    let new = NewProxy::parse(&first_value(&body)?)?;
    let view = context.change(|registry| async move { registry.create(&new).await }).await?;
    Ok(answer::json(StatusCode::CREATED, &view))
}

pub async fn populate(State(context): State<Context>, body: Result<Body, Refused>) -> Response {
    let parse = |Body(body): Body| NewProxy::parse_list(&first_value(&body)?);
    let populated = match body.map_err(|Refused(error)| error).and_then(parse) {
        Ok(list) => {
            context.change(|registry| async move { Ok(registry.populate(&list).await) }).await
        }
        Err(error) => Err(error),
    };
    answer::populated(&populated.unwrap_or_else(Populated::refused))
}

pub async fn get(State(context): State<Context>, ProxyName(proxy): ProxyName) -> Answer {
    Ok(answer::json(StatusCode::OK, &context.registry.get(&proxy).await?))
}

pub async fn update(
    State(context): State<Context>,
    ProxyName(proxy): ProxyName,
    Body(body): Body,
) -> Answer {
    let change = move || ProxyChange::parse(&first_value(&body)?);
    let view =
        context.change(|registry| async move { registry.update(&proxy, change).await }).await?;
    Ok(answer::json(StatusCode::OK, &view))
}

pub async fn delete(
    State(context): State<Context>,
    ProxyName(proxy): ProxyName,
) -> Result<StatusCode, Refused> {
    context.change(|registry| async move { registry.delete(&proxy).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn reset(State(context): State<Context>) -> Result<StatusCode, Refused> {
    context.change(|registry| async move { registry.reset().await }).await?;
    Ok(StatusCode::NO_CONTENT)
}
