//! What a fault proxy counted, before and after a strike: the evidence of network faults. Knows nothing of the strikes.

use crate::harness::proxy_control::Sample;

/// Bytes that a toxic did something to: our own proxy counts them.
pub const BYTES_AFFECTED: &str = "ticketctl_toxic_bytes_affected_total";
/// Connections that a toxic did something to.
pub const CONNECTIONS_AFFECTED: &str = "ticketctl_toxic_connections_affected_total";
/// Connections that a proxy cut when it was shut.
pub const CONNECTIONS_CUT: &str = "ticketctl_proxy_connections_cut_total";

/// The counters of some proxies at one time.
pub struct Counters(Vec<Sample>);

impl Counters {
    /// Those of `proxies`, out of all.
    pub fn of(samples: Vec<Sample>, proxies: &[String]) -> Self {
        let belongs = |sample: &Sample| {
            sample.labels.get("proxy").is_some_and(|proxy| proxies.contains(proxy))
        };
        Self(samples.into_iter().filter(belongs).collect())
    }

    /// Sum of a counter, for one toxic where one is named; absent where the proxy does not count such a thing.
    pub fn sum(&self, counter: &str, toxic: Option<&str>) -> Option<f64> {
        let counts = |sample: &&Sample| {
            sample.name == counter
                && toxic.is_none_or(|toxic| {
                    sample.labels.get("toxic").is_some_and(|name| name == toxic)
                })
        };
        self.0.iter().filter(counts).map(|sample| sample.value).reduce(|a, b| a + b)
    }

    /// How far a counter moved since `before`.
    pub fn moved(&self, before: &Self, counter: &str, toxic: Option<&str>) -> Option<f64> {
        self.sum(counter, toxic).map(|after| after - before.sum(counter, toxic).unwrap_or(0.0))
    }
}
