//! The handlers under `/proxies/{proxy}/toxics`; they parse, call the registry and answer.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::answer::{self, Refused};
use super::context::Context;
use super::request::{Body, ProxyName, ToxicName};
use crate::toxiproxy::body::first_value;
use crate::toxiproxy::request::{NewToxic, ToxicChange};

type Answer = Result<Response, Refused>;

pub async fn list(State(context): State<Context>, ProxyName(proxy): ProxyName) -> Answer {
    Ok(answer::json(StatusCode::OK, &context.registry.toxics(&proxy).await?))
}

pub async fn create(
    State(context): State<Context>,
    ProxyName(proxy): ProxyName,
    Body(body): Body,
) -> Answer {
    let new = move || NewToxic::parse(&first_value(&body)?);
    let view =
        context.change(|registry| async move { registry.add_toxic(&proxy, new).await }).await?;
    Ok(answer::json(StatusCode::OK, &view))
}

pub async fn get(State(context): State<Context>, ToxicName { proxy, toxic }: ToxicName) -> Answer {
    Ok(answer::json(StatusCode::OK, &context.registry.toxic(&proxy, &toxic).await?))
}

pub async fn update(
    State(context): State<Context>,
    ToxicName { proxy, toxic }: ToxicName,
    Body(body): Body,
) -> Answer {
    let change = move || ToxicChange::parse(&first_value(&body)?);
    let view = context
        .change(|registry| async move { registry.update_toxic(&proxy, &toxic, change).await })
        .await?;
    Ok(answer::json(StatusCode::OK, &view))
}

pub async fn delete(
    State(context): State<Context>,
    ToxicName { proxy, toxic }: ToxicName,
) -> Result<StatusCode, Refused> {
    context.change(|registry| async move { registry.remove_toxic(&proxy, &toxic).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}
