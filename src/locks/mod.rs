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

pub use answers::AnswerCache;
pub use availability::AvailabilityCache;
pub use node::Node;
pub use rate_limit::RateLimiter;
pub use redlock::{Acquired, Lease, Redlock, RedlockSettings};
