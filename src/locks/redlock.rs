//! Redlock: a lease on names, held on a majority of independent Redis nodes. A lease keeps others away most of the time;
//! it is no guarantee (a paused holder doesn't notice that it ran out), so every write behind it is checked by fencing.
//! Source: <https://redis.io/docs/latest/develop/clients/patterns/distributed-locks/>.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use redis::Script;

use super::Node;
use crate::clock;
use crate::entropy::Entropy;

/// Added to the drift, for the granularity of Redis' own expiry.
const DRIFT_FLOOR: Duration = Duration::from_millis(2);

/// All names or none, on one node.
static ACQUIRE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "for i = 1, #KEYS do if redis.call('EXISTS', KEYS[i]) == 1 then return 0 end end
         for i = 1, #KEYS do redis.call('SET', KEYS[i], ARGV[1], 'PX', ARGV[2]) end
         return 1",
    )
});
/// Only what carries our token.
static RELEASE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local n = 0
         for i = 1, #KEYS do
             if redis.call('GET', KEYS[i]) == ARGV[1] then n = n + redis.call('DEL', KEYS[i]) end
         end
         return n",
    )
});
/// Only if every name still carries our token.
static EXTEND: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "for i = 1, #KEYS do if redis.call('GET', KEYS[i]) ~= ARGV[1] then return 0 end end
         for i = 1, #KEYS do redis.call('PEXPIRE', KEYS[i], ARGV[2]) end
         return 1",
    )
});

/// How leases are taken.
#[derive(Debug, Clone)]
pub struct RedlockSettings {
    /// How long a lease lasts unless extended.
    pub ttl: Duration,
    /// Share of the TTL given up for clocks that run at different speeds, 0 to 1.
    pub drift_factor: f64,
    /// Tries after the first.
    pub retry_count: u32,
    /// Wait between tries; each is drawn from half to one and a half of it, so that contenders part.
    pub retry_delay: Duration,
}

impl Default for RedlockSettings {
    /// Five seconds, one percent, and three more tries 200 ms apart.
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(5),
            drift_factor: 0.01,
            retry_count: 3,
            retry_delay: Duration::from_millis(200),
        }
    }
}

/// Leases over a set of nodes.
#[derive(Clone)]
pub struct Redlock {
    nodes: Arc<[Node]>,
    settings: RedlockSettings,
}

/// Names held until `valid_until`.
#[derive(Debug)]
pub struct Lease {
    names: Vec<String>,
    token: String,
    valid_until: Instant,
}

impl Lease {
    /// How much longer it can be relied on; zero once it ran out.
    pub fn remaining(&self) -> Duration {
        self.valid_until.saturating_duration_since(clock::monotonic())
    }
}

/// What came of asking for a lease.
#[derive(Debug)]
pub enum Acquired {
    /// A majority granted it.
    Lease(Lease),
    /// Somebody else has one of the names, and kept it through all tries.
    Contended,
    /// No majority of nodes answered.
    Unreachable,
}

/// When polling may stop.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    /// A majority granted: the rest can't change that.
    Majority,
    /// Every node has spoken or is absent.
    All,
}

enum Vote {
    Granted,
    Denied,
    Absent,
}

impl Redlock {
    /// Leases over these nodes, which must be independent of each other; 1, 3 or 5 of them make sense.
    pub fn new(nodes: Arc<[Node]>, settings: RedlockSettings) -> Self {
        Self { nodes, settings }
    }

    /// Tries to lease all the names or none. Names are sorted, so that contenders meet at the same one first.
    pub async fn acquire(&self, mut names: Vec<String>, entropy: &Entropy) -> Acquired {
        names.sort_unstable();
        let mut end = self.try_acquire(&names, entropy).await;
        for _ in 0..self.settings.retry_count {
            if !matches!(end, Acquired::Contended) {
                break;
            }
            tokio::time::sleep(self.settings.retry_delay.mul_f64(0.5 + entropy.fraction())).await;
            end = self.try_acquire(&names, entropy).await;
        }
        let result = match end {
            Acquired::Lease(_) => "acquired",
            Acquired::Contended => "contended",
            Acquired::Unreachable => "unreachable",
        };
        metrics::counter!("ticketctl_lock_acquisitions_total", "result" => result).increment(1);
        end
    }

    async fn try_acquire(&self, names: &[String], entropy: &Entropy) -> Acquired {
        let began = clock::monotonic();
        let token = entropy.uuid().to_string();
        let (granted, absent) = self.poll(&ACQUIRE, names, &token, Until::Majority).await;
        let validity = self.validity(began);
        if granted >= self.quorum() && !validity.is_zero() {
            let lease =
                Lease { names: names.to_vec(), token, valid_until: clock::monotonic() + validity };
            return Acquired::Lease(lease);
        }
        // What a minority granted must not block others until it expires.
        self.poll(&RELEASE, names, &token, Until::All).await;
        if self.nodes.len() - absent < self.quorum() {
            Acquired::Unreachable
        } else {
            Acquired::Contended
        }
    }

    /// Begins the lease's time anew; false when it was lost, after which it protects nothing.
    pub async fn extend(&self, lease: &mut Lease) -> bool {
        let began = clock::monotonic();
        let (granted, _absent) =
            self.poll(&EXTEND, &lease.names, &lease.token, Until::Majority).await;
        let validity = self.validity(began);
        let extended = granted >= self.quorum() && !validity.is_zero();
        if extended {
            lease.valid_until = clock::monotonic() + validity;
        }
        let result = if extended { "extended" } else { "lost" };
        metrics::counter!("ticketctl_lock_extensions_total", "result" => result).increment(1);
        extended
    }

    /// Gives the lease up on every node that can be reached; elsewhere it runs out by itself.
    pub async fn release(&self, lease: Lease) {
        if lease.remaining().is_zero() {
            metrics::counter!("ticketctl_lock_leases_outlived_total").increment(1);
        }
        self.poll(&RELEASE, &lease.names, &lease.token, Until::All).await;
    }

    /// A lease with less than this left is to be extended before a write: half of its TTL.
    pub fn extend_below(&self) -> Duration {
        self.settings.ttl / 2
    }

    /// How long a lease taken since `began` holds: its TTL less what taking it cost and what clocks may drift.
    fn validity(&self, began: Instant) -> Duration {
        let drift = self.settings.ttl.mul_f64(self.settings.drift_factor) + DRIFT_FLOOR;
        self.settings.ttl.saturating_sub(began.elapsed()).saturating_sub(drift)
    }

    fn quorum(&self) -> usize {
        self.nodes.len() / 2 + 1
    }

    /// Asks every node at once and counts (granted, absent).
    async fn poll(
        &self,
        script: &Script,
        names: &[String],
        token: &str,
        until: Until,
    ) -> (usize, usize) {
        let mut votes: FuturesUnordered<_> =
            self.nodes.iter().map(|node| self.ask(node, script, names, token)).collect();
        let (mut granted, mut absent) = (0, 0);
        while let Some(vote) = votes.next().await {
            match vote {
                Vote::Granted => granted += 1,
                Vote::Denied => {}
                Vote::Absent => absent += 1,
            }
            if until == Until::Majority && granted >= self.quorum() {
                break;
            }
        }
        (granted, absent)
    }

    async fn ask(&self, node: &Node, script: &Script, names: &[String], token: &str) -> Vote {
        let ttl_ms = u64::try_from(self.settings.ttl.as_millis()).unwrap_or(u64::MAX);
        let mut call = script.prepare_invoke();
        for name in names {
            call.key(name);
        }
        call.arg(token).arg(ttl_ms);
        let answer = node
            .run(|mut connection| async move { call.invoke_async::<i64>(&mut connection).await })
            .await;
        match answer {
            Ok(0) => Vote::Denied,
            Ok(_) => Vote::Granted,
            Err(error) => {
                tracing::debug!(%error, "a lock node is absent");
                Vote::Absent
            }
        }
    }
}
