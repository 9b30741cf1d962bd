//! How often somebody came in the last minutes, counted in Redis so that all servers count together. Knows names and
//! numbers; whose they are and what follows is the caller's.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use redis::Script;

use super::Node;
use super::node::NodeError;

/// An exact sliding window: a list of times for each name, at most as long as its limit, because refused requests are not
/// added. All names have room, or none is charged. The clock is Redis' own, so servers need not agree on the time.
static TAKE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local time = redis.call('TIME')
         local now = time[1] * 1000 + math.floor(time[2] / 1000)
         local window = tonumber(ARGV[1])
         local allowed = 1
         for i = 1, #KEYS do
             local oldest = redis.call('LINDEX', KEYS[i], 0)
             while oldest and tonumber(oldest) <= now - window do
                 redis.call('LPOP', KEYS[i])
                 oldest = redis.call('LINDEX', KEYS[i], 0)
             end
             if redis.call('LLEN', KEYS[i]) >= tonumber(ARGV[1 + i]) then allowed = 0 end
         end
         local answer = {allowed}
         for i = 1, #KEYS do
             if allowed == 1 then
                 redis.call('RPUSH', KEYS[i], now)
                 redis.call('PEXPIRE', KEYS[i], window)
             end
             local used = redis.call('LLEN', KEYS[i])
             local oldest = tonumber(redis.call('LINDEX', KEYS[i], 0) or now)
             answer[2 * i] = tonumber(ARGV[1 + i]) - used
             answer[2 * i + 1] = oldest + window - now
         end
         return answer",
    )
});

/// Counts on the first Redis node.
#[derive(Clone)]
pub struct RateLimiter {
    nodes: Arc<[Node]>,
}

/// What somebody may do within a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowance {
    /// Whose, such as `user:…`.
    pub name: String,
    /// How often within the window, 1 or more.
    pub limit: u32,
}

/// Whether there was room, and what is left of each allowance, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Whether this time is allowed; when not, nothing was charged.
    pub is_allowed: bool,
    /// What is left.
    pub left: Vec<Left>,
}

/// What is left of an allowance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// How often more.
    pub remaining: u32,
    /// Until the oldest time that counts leaves the window, and there is room for one more.
    pub more_in: Duration,
}

impl RateLimiter {
    /// Counts on the first of these nodes.
    pub fn new(nodes: Arc<[Node]>) -> Self {
        Self { nodes }
    }

    /// Charges every allowance once, or none when one is used up. `None` without nodes: nothing is counted.
    ///
    /// # Errors
    /// When the node gives no answer.
    pub async fn take(
        &self,
        window: Duration,
        allowances: &[Allowance],
    ) -> Result<Option<Taken>, NodeError> {
        let Some(node) = self.nodes.first() else { return Ok(None) };
        let mut call = TAKE.prepare_invoke();
        for allowance in allowances {
            call.key(format!("limit:{}", allowance.name));
        }
        call.arg(u64::try_from(window.as_millis()).unwrap_or(u64::MAX));
        for allowance in allowances {
            call.arg(allowance.limit);
        }
        let answer: Vec<i64> = node
            .run(|mut connection| async move { call.invoke_async(&mut connection).await })
            .await?;
        let left = |pair: &[i64]| Left {
            remaining: pair.first().map_or(0, |left| u32::try_from(*left).unwrap_or(0)),
            more_in: Duration::from_millis(
                pair.get(1).map_or(0, |millis| u64::try_from(*millis).unwrap_or(0)),
            ),
        };
        let is_allowed = answer.first() == Some(&1);
        let left = answer.get(1..).unwrap_or_default().chunks(2).map(left).collect();
        Ok(Some(Taken { is_allowed, left }))
    }
}
