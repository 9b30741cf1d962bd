//! Counters that move while the load runs: for progress lines and for the evidence that a fault bit. Knows nothing of
//! single operations.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{OpKind, Outcome};
use crate::wire::Reason;

/// Requests by server and operation, refusals by reason, and iterations dropped.
#[derive(Debug)]
pub struct Live {
    servers: Vec<(String, [Counters; OpKind::ALL.len()])>,
    refusals: [AtomicU64; Reason::ALL.len()],
    dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct Counters {
    started: AtomicU64,
    ok: AtomicU64,
    fail: AtomicU64,
    info: AtomicU64,
}

/// A reading of the counters. `started - ok - fail - info` requests are under way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests sent.
    pub started: u64,
    /// Took effect.
    pub ok: u64,
    /// Certainly did not.
    pub fail: u64,
    /// Unknown.
    pub info: u64,
}

impl Counts {
    /// Requests without an outcome yet.
    pub fn under_way(self) -> u64 {
        self.started.saturating_sub(self.ok + self.fail + self.info)
    }

    fn plus(self, other: Self) -> Self {
        Self {
            started: self.started + other.started,
            ok: self.ok + other.ok,
            fail: self.fail + other.fail,
            info: self.info + other.info,
        }
    }
}

impl Live {
    /// Zeros for these servers.
    pub fn new(servers: impl IntoIterator<Item = String>) -> Self {
        let servers = servers.into_iter().map(|name| (name, Default::default())).collect();
        Self { servers, refusals: Default::default(), dropped: AtomicU64::new(0) }
    }

    /// Counts a request that is about to be sent to the server of this index.
    pub fn started(&self, server: usize, op: OpKind) {
        if let Some((_, counters)) = self.servers.get(server) {
            counters[op as usize].started.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts the end of a request.
    pub fn ended(&self, server: usize, op: OpKind, outcome: Outcome) {
        let Some((_, counters)) = self.servers.get(server) else { return };
        let counters = &counters[op as usize];
        let counter = match outcome {
            Outcome::Ok => &counters.ok,
            Outcome::Fail => &counters.fail,
            Outcome::Info => &counters.info,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a refusal for this reason.
    pub fn refused(&self, reason: Reason) {
        self.refusals[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Refusals for this reason, whoever was refused.
    pub fn refusals(&self, reason: Reason) -> u64 {
        self.refusals[reason as usize].load(Ordering::Relaxed)
    }

    /// Counts an iteration dropped for want of a free VU.
    pub fn drop_iteration(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// Iterations dropped for want of a free VU.
    pub fn dropped_iterations(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// One operation on one server; zeros for a server that is not there.
    pub fn of(&self, server: &str, op: OpKind) -> Counts {
        let found = self.servers.iter().find(|(name, _)| name == server);
        found.map(|(_, counters)| read(&counters[op as usize])).unwrap_or_default()
    }

    /// Every operation on one server; zeros for a server that is not there.
    pub fn of_server(&self, server: &str) -> Counts {
        OpKind::ALL.into_iter().map(|op| self.of(server, op)).fold(Counts::default(), Counts::plus)
    }

    /// Everything.
    pub fn total(&self) -> Counts {
        let all = self.servers.iter().flat_map(|(_, counters)| counters.iter().map(read));
        all.fold(Counts::default(), Counts::plus)
    }
}

/// Ends are read before starts, so that a request that ends in between is never counted as more ends than starts.
fn read(counters: &Counters) -> Counts {
    let ok = counters.ok.load(Ordering::Relaxed);
    let fail = counters.fail.load(Ordering::Relaxed);
    let info = counters.info.load(Ordering::Relaxed);
    Counts { started: counters.started.load(Ordering::Relaxed), ok, fail, info }
}

#[cfg(test)]
mod tests {
    use super::{Counts, Live};
    use crate::harness::recorder::{OpKind, Outcome};

    #[test]
    fn requests_are_counted_by_server_operation_and_outcome() {
        let live = Live::new(["server-1".to_owned(), "server-2".to_owned()]);
        for outcome in [Outcome::Ok, Outcome::Ok, Outcome::Info] {
            live.started(1, OpKind::Hold);
            live.ended(1, OpKind::Hold, outcome);
        }
        live.started(1, OpKind::Confirm);
        live.started(0, OpKind::Confirm);
        live.ended(0, OpKind::Confirm, Outcome::Fail);

        assert_eq!(
            live.of("server-2", OpKind::Hold),
            Counts { started: 3, ok: 2, fail: 0, info: 1 }
        );
        assert_eq!(live.of_server("server-2").under_way(), 1);
        assert_eq!(live.total(), Counts { started: 5, ok: 2, fail: 1, info: 1 });
        assert_eq!(live.of_server("server-3"), Counts::default());
    }
}
