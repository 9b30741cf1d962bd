//! Stored answers in front of the database's: a repeated request is answered without a statement. Only ended operations
//! are kept here, so that an answer can be missing but never wrong.

use std::sync::Arc;

use redis::AsyncCommands as _;

use super::Node;
use crate::domain::{IdempotencyKey, RequestHash, StoredResponse, UserId};

/// How long an answer is kept, in seconds: a day, as in the database.
const TTL_SECONDS: u64 = 24 * 3600;
/// Larger answers are left to the database.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// A cache of answers on the first Redis node.
#[derive(Clone)]
pub struct AnswerCache {
    nodes: Arc<[Node]>,
}

impl AnswerCache {
    /// A cache on the first of these nodes; without nodes it never has anything.
    pub fn new(nodes: Arc<[Node]>) -> Self {
        Self { nodes }
    }

    /// The hash of the request and its answer, if it is here and Redis is.
    pub async fn get(
        &self,
        user: UserId,
        key: &IdempotencyKey,
    ) -> Option<(RequestHash, StoredResponse)> {
        let node = self.nodes.first()?;
        let name = name_of(user, key);
        let found: Result<Option<Vec<u8>>, _> =
            node.run(|mut connection| async move { connection.get(name).await }).await;
        super::read("answers", found.map(|found| found.as_deref().and_then(decode)))
    }

    /// Keeps an answer, if Redis is there and it is not too large.
    pub async fn put(
        &self,
        (user, key): (UserId, &IdempotencyKey),
        hash: RequestHash,
        response: &StoredResponse,
    ) {
        let Some(node) = self.nodes.first() else { return };
        if response.body.len() > BODY_BYTES_MAX {
            return;
        }
        let (name, value) = (name_of(user, key), encode(hash, response));
        let kept: Result<(), _> = node
            .run(|mut connection| async move { connection.set_ex(name, value, TTL_SECONDS).await })
            .await;
        if let Err(error) = kept {
            tracing::debug!(%error, "an answer was not cached");
        }
    }
}

fn name_of(user: UserId, key: &IdempotencyKey) -> String {
    format!("answer:{}:{}", user.0, key.as_str())
}

/// Hash (32 bytes), status (2 bytes, big-endian), body.
fn encode(hash: RequestHash, response: &StoredResponse) -> Vec<u8> {
    [&hash.0[..], &response.status.to_be_bytes(), response.body.as_bytes()].concat()
}

fn decode(bytes: &[u8]) -> Option<(RequestHash, StoredResponse)> {
    let (hash, rest) = bytes.split_first_chunk::<32>()?;
    let (status, body) = rest.split_first_chunk::<2>()?;
    let body = String::from_utf8(body.to_vec()).ok()?;
    Some((RequestHash(*hash), StoredResponse { status: u16::from_be_bytes(*status), body }))
}

#[cfg(test)]
mod tests {
    use super::{RequestHash, StoredResponse, decode, encode};

    #[test]
    fn an_answer_is_read_back_as_it_was_kept_and_rubbish_is_nothing() {
        let response = StoredResponse { status: 201, body: "{\"é\":1}".to_owned() };
        let bytes = encode(RequestHash([7; 32]), &response);
        assert_eq!(decode(&bytes), Some((RequestHash([7; 32]), response)));
        assert_eq!(decode(&bytes[..33]), None);
        assert_eq!(decode(&[0xff; 40]), None);
    }
}
