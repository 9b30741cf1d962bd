//! Answers to repeated requests: from Redis where it is quick, from PostgreSQL where it matters.

use super::{Answer, BookingError, Desk};
use crate::domain::{EventId, IdempotencyKey, Refusal, RequestHash, UserId};
use crate::storage::idempotency;

/// What a key was used for, as one request sees it.
#[derive(Debug, Clone)]
pub struct KeyedRequest {
    /// Whose key.
    pub user: UserId,
    /// The key.
    pub key: IdempotencyKey,
    /// Hash of the request now sent with it.
    pub hash: RequestHash,
}

/// The answer from the cache, if the operation ended and Redis remembers.
pub async fn cached(desk: &Desk, request: &KeyedRequest) -> Result<Option<Answer>, BookingError> {
    match desk.answers.get(request.user, &request.key).await {
        Some((hash, _)) if hash != request.hash => Err(Refusal::KeyReused.into()),
        Some((_, response)) => Ok(Some(Answer::replayed(response))),
        None => Ok(None),
    }
}

/// The answer of record: what the key's first request came to, if there was one.
pub async fn recorded(desk: &Desk, request: &KeyedRequest) -> Result<Option<Answer>, BookingError> {
    let mut connection = desk.storage.connection().await?;
    let Some(record) = idempotency::find(&mut connection, request.user, &request.key).await? else {
        return Ok(None);
    };
    if record.hash != request.hash {
        return Err(Refusal::KeyReused.into());
    }
    match record.response {
        Some(response) => Ok(Some(Answer::replayed(response))),
        None => Err(Refusal::InProgress.into()),
    }
}

/// Keeps an answer close for the next time; `changed` is the event of which it left fewer or more seats.
pub async fn remember(
    desk: &Desk,
    request: &KeyedRequest,
    answer: &Answer,
    changed: Option<EventId>,
) {
    let key = (request.user, &request.key);
    desk.answers.put(key, request.hash, &answer.response, changed).await;
}
