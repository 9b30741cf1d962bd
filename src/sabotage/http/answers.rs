//! Answers that say something else than the server did: changed, or those of another time.

use async_trait::async_trait;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use serde_json::Value;

use super::{Route, Tamper, Tools, answer, bytes_of, changed};
use crate::wire;

/// Which answers are changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangedOn {
    /// Those that grant something, to these requests.
    Success(&'static [Route]),
    /// Those that repeat an earlier one.
    Replay,
}

/// Answers with other JSON.
pub struct Changed {
    /// Which.
    pub on: ChangedOn,
    /// How.
    pub change: fn(&mut Value),
}

#[async_trait]
impl Tamper for Changed {
    async fn around(&self, _tools: &Tools, request: Request, next: Next) -> Response {
        let (parts, body) = request.into_parts();
        let is_asked = match self.on {
            ChangedOn::Success(routes) => {
                routes.iter().any(|route| route.part_of(&parts).is_some())
            }
            ChangedOn::Replay => true,
        };
        let response = next.run(Request::from_parts(parts, body)).await;
        let is_answered = match self.on {
            ChangedOn::Success(_) => response.status().is_success(),
            ChangedOn::Replay => response.headers().contains_key(wire::IDEMPOTENT_REPLAYED),
        };
        if is_asked && is_answered { changed(response, self.change).await } else { response }
    }
}

/// The first answer to a request, for ever.
pub struct First {
    /// Which requests.
    pub routes: &'static [Route],
}

#[async_trait]
impl Tamper for First {
    async fn around(&self, tools: &Tools, request: Request, next: Next) -> Response {
        let (parts, body) = request.into_parts();
        let name = parts.uri.to_string();
        let is_kept = self.routes.iter().any(|route| route.part_of(&parts).is_some());
        let kept = tools.remembered().get(&name).cloned().filter(|_| is_kept);
        if let Some(kept) = kept {
            return answer(kept);
        }
        let response = next.run(Request::from_parts(parts, body)).await;
        if !is_kept || !response.status().is_success() {
            return response;
        }
        let (parts, body) = response.into_parts();
        let kept = (parts.status, bytes_of(body).await);
        tools.remembered().insert(name, kept.clone());
        answer(kept)
    }
}
