//! The handlers under `/proxies`, `/populate` and `/reset`; they parse, call the registry and answer.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;

use crate::toxiproxy::api::answer::{self, Refused};
use crate::toxiproxy::body::first_value;
use crate::toxiproxy::registry::{Populated, Registry};
use crate::toxiproxy::request::{NewProxy, ProxyChange};

type Answer = Result<Response, Refused>;

pub async fn list(State(registry): State<Arc<Registry>>) -> Response {
    answer::json(StatusCode::OK, &registry.list().await)
}

pub async fn create(State(registry): State<Arc<Registry>>, body: Bytes) -> Answer {
    let new = NewProxy::parse(&first_value(&body)?, None)?;
    Ok(answer::json(StatusCode::CREATED, &registry.create(&new).await?))
}

pub async fn populate(State(registry): State<Arc<Registry>>, body: Bytes) -> Response {
    let parsed = first_value(&body).and_then(|value| NewProxy::parse_list(&value));
    answer::populated(&match parsed {
        Ok(list) => registry.populate(&list).await,
        Err(error) => Populated { proxies: Vec::new(), failure: Some(error) },
    })
}

pub async fn get(State(registry): State<Arc<Registry>>, Path(proxy): Path<String>) -> Answer {
    Ok(answer::json(StatusCode::OK, &registry.get(&proxy).await?))
}

pub async fn update(
    State(registry): State<Arc<Registry>>,
    Path(proxy): Path<String>,
    body: Bytes,
) -> Answer {
    let change = || ProxyChange::parse(&first_value(&body)?);
    Ok(answer::json(StatusCode::OK, &registry.update(&proxy, change).await?))
}

pub async fn delete(
    State(registry): State<Arc<Registry>>,
    Path(proxy): Path<String>,
) -> Result<StatusCode, Refused> {
    registry.delete(&proxy).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn reset(State(registry): State<Arc<Registry>>) -> Result<StatusCode, Refused> {
    registry.reset().await?;
    Ok(StatusCode::NO_CONTENT)
}
