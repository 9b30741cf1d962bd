//! Answers to repeated requests: from Redis where it is quick, from PostgreSQL where it matters.

use super::answer::{Answer, KeyedRequest};
use super::{BookingError, Context};
use crate::domain::{Refusal, StoredResponse};
use crate::storage::idempotency;

/// The answer from the cache, if the operation ended and Redis remembers.
pub async fn cached(
    context: &Context,
    request: &KeyedRequest,
) -> Result<Option<Answer>, BookingError> {
    match context.answers.get(request.user, &request.key).await {
        Some((hash, _)) if hash != request.hash => Err(Refusal::KeyReused.into()),
        Some((_, response)) => Ok(Some(Answer::replayed(response))),
        None => Ok(None),
    }
}

/// The answer of record: what the key's first request came to, if there was one.
pub async fn recorded(
    context: &Context,
    request: &KeyedRequest,
) -> Result<Option<Answer>, BookingError> {
    let mut connection = context.storage.connection().await?;
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

/// Ends a request that comes to nothing: keeps the refusal as its key's answer, unless the key has one already.
///
/// # Errors
/// The refusal itself, where it decides nothing; or that the key was used for something else.
pub async fn refuse(
    context: &Context,
    request: &KeyedRequest,
    refusal: Refusal,
) -> Result<Answer, BookingError> {
    if !refusal.is_final() {
        return recorded(context, request).await?.ok_or_else(|| refusal.into());
    }
    end_refused(context, request, (context.render.refusal)(&refusal)).await
}

/// The same for a refusal that is rendered already.
pub async fn end_refused(
    context: &Context,
    request: &KeyedRequest,
    response: StoredResponse,
) -> Result<Answer, BookingError> {
    let key = (request.user, &request.key, request.hash);
    let is_first = context
        .storage
        .statement("refuse", async |mut connection| {
            idempotency::refuse(&mut connection, key, &response).await.map_err(BookingError::from)
        })
        .await?;
    if is_first {
        return Ok(Answer::new(response));
    }
    Ok(recorded(context, request).await?.ok_or(Refusal::InProgress)?)
}

/// Keeps an answer close for the next time.
pub async fn remember(context: &Context, request: &KeyedRequest, answer: &Answer) {
    context.answers.put((request.user, &request.key), request.hash, &answer.response).await;
}
