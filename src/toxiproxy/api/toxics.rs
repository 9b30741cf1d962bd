//! The handlers under `/proxies/{proxy}/toxics`; they parse, call the registry and answer.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;

use crate::toxiproxy::api::answer::{self, Refused};
use crate::toxiproxy::body::first_value;
use crate::toxiproxy::registry::Registry;
use crate::toxiproxy::request::{NewToxic, ToxicChange};

type Answer = Result<Response, Refused>;
type Names = Path<(String, String)>;

pub async fn list(State(registry): State<Arc<Registry>>, Path(proxy): Path<String>) -> Answer {
    Ok(answer::json(StatusCode::OK, &registry.toxics(&proxy).await?))
}

pub async fn create(
    State(registry): State<Arc<Registry>>,
    Path(proxy): Path<String>,
    body: Bytes,
) -> Answer {
    let new = || NewToxic::parse(&first_value(&body)?);
    Ok(answer::json(StatusCode::OK, &registry.add_toxic(&proxy, new).await?))
}

pub async fn get(State(registry): State<Arc<Registry>>, Path((proxy, toxic)): Names) -> Answer {
    Ok(answer::json(StatusCode::OK, &registry.toxic(&proxy, &toxic).await?))
}

pub async fn update(
    State(registry): State<Arc<Registry>>,
    Path((proxy, toxic)): Names,
    body: Bytes,
) -> Answer {
    let change = || ToxicChange::parse(&first_value(&body)?);
    Ok(answer::json(StatusCode::OK, &registry.update_toxic(&proxy, &toxic, change).await?))
}

pub async fn delete(
    State(registry): State<Arc<Registry>>,
    Path((proxy, toxic)): Names,
) -> Result<StatusCode, Refused> {
    registry.remove_toxic(&proxy, &toxic).await?;
    Ok(StatusCode::NO_CONTENT)
}
