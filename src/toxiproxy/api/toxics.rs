//! The handlers under `/proxies/{proxy}/toxics`; they parse, call the registry and answer.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::toxiproxy::api::Api;
use crate::toxiproxy::api::answer::{self, Refused};
use crate::toxiproxy::api::request::{Body, ProxyName, ToxicName};
use crate::toxiproxy::body::first_value;
use crate::toxiproxy::request::{NewToxic, ToxicChange};

type Answer = Result<Response, Refused>;

pub async fn list(State(api): State<Api>, ProxyName(proxy): ProxyName) -> Answer {
    Ok(answer::json(StatusCode::OK, &api.registry.toxics(&proxy).await?))
}

pub async fn create(
    State(api): State<Api>,
    ProxyName(proxy): ProxyName,
    Body(body): Body,
) -> Answer {
    let new = move || NewToxic::parse(&first_value(&body)?);
    let view = api.change(|registry| async move { registry.add_toxic(&proxy, new).await }).await?;
    Ok(answer::json(StatusCode::OK, &view))
}

pub async fn get(State(api): State<Api>, ToxicName { proxy, toxic }: ToxicName) -> Answer {
    Ok(answer::json(StatusCode::OK, &api.registry.toxic(&proxy, &toxic).await?))
}

pub async fn update(
    State(api): State<Api>,
    ToxicName { proxy, toxic }: ToxicName,
    Body(body): Body,
) -> Answer {
    let change = move || ToxicChange::parse(&first_value(&body)?);
    let view = api
        .change(|registry| async move { registry.update_toxic(&proxy, &toxic, change).await })
        .await?;
    Ok(answer::json(StatusCode::OK, &view))
}

pub async fn delete(
    State(api): State<Api>,
    ToxicName { proxy, toxic }: ToxicName,
) -> Result<StatusCode, Refused> {
    api.change(|registry| async move { registry.remove_toxic(&proxy, &toxic).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}
