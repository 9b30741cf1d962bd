//! Redis: leases over several nodes, and answers kept close. Everything here may vanish at any moment without a wrong
//! answer; PostgreSQL decides.

/// One Redis server, with timeouts and a breaker.
pub mod node;
/// Leases held on a majority of nodes.
pub mod redlock;
/// Stored answers in front of the database's.
pub mod answers;
/// How often somebody came.
pub mod rate_limit;
/// Counts of what is left, for visitors.
pub mod availability;

use node::NodeError;

pub use answers::AnswerCache;
pub use availability::AvailabilityCache;
pub use node::Node;
pub use rate_limit::RateLimiter;
pub use redlock::{Acquired, Lease, Redlock, RedlockSettings};

/// Counts the read of a cache. A node that is away is no miss: nobody knows what it would have had.
fn read<T>(cache: &'static str, found: Result<Option<T>, NodeError>) -> Option<T> {
    let result = match &found {
        Ok(Some(_)) => "hit",
        Ok(None) => "miss",
        Err(_) => "unreachable",
    };
    metrics::counter!("ticketctl_cache_reads_total", "cache" => cache, "result" => result)
        .increment(1);
    found.ok().flatten()
}
