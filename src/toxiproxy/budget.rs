//! Bounds the memory that delayed data may take; knows sizes, not what is held or why.
//!
//! Every link may hold [`OWN_BYTES_MAX`] bytes whatever the others do. Beyond that, links borrow from one pool of [`POOL_BYTES_MAX`] bytes, up
//! to [`LINK_BYTES_MAX`] each, so that one fast connection keeps its throughput under a long delay and thousands of them still fit:
//! links × `OWN_BYTES_MAX` + `POOL_BYTES_MAX` is the most that waits in the server, whatever toxics, readers and senders do. What is about to
//! be written comes on top, one read per link.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes each link may hold in any case.
pub const OWN_BYTES_MAX: usize = 128 * 1024;
/// Bytes all links together may hold beyond their own.
pub const POOL_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Bytes one link may hold at most.
pub const LINK_BYTES_MAX: usize = 32 * 1024 * 1024;

/// The pool that all links of a server borrow from.
#[derive(Debug, Clone, Default)]
pub struct Budget {
    borrowed: Arc<AtomicUsize>,
}

/// What one link has borrowed; given back on drop.
#[derive(Debug)]
pub struct Share {
    budget: Budget,
    borrowed: usize,
}

impl Budget {
    pub fn share(&self) -> Share {
        Share { budget: self.clone(), borrowed: 0 }
    }
}

impl Share {
    /// Records that the link holds `held` bytes now.
    pub fn record(&mut self, held: usize) {
        let wanted = held.saturating_sub(OWN_BYTES_MAX);
        if wanted != self.borrowed {
            self.borrow(wanted);
        }
    }

    /// Whether a link that holds `held` bytes may read up to `len` more. One that may not holds something, and asks again
    /// once it has delivered some of it.
    pub fn may_read(&mut self, held: usize, len: usize) -> bool {
        self.record(held);
        let after = held + len;
        let borrowed = || self.budget.borrowed.load(Ordering::Relaxed) + len;
        after <= OWN_BYTES_MAX || (after <= LINK_BYTES_MAX && borrowed() <= POOL_BYTES_MAX)
    }

    fn borrow(&mut self, wanted: usize) {
        let pool = &self.budget.borrowed;
        if wanted > self.borrowed {
            pool.fetch_add(wanted - self.borrowed, Ordering::Relaxed);
        } else {
            pool.fetch_sub(self.borrowed - wanted, Ordering::Relaxed);
        }
        self.borrowed = wanted;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.borrow(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_pool_leaves_every_link_its_own() {
        const READ: usize = 32 * 1024;
        let budget = Budget::default();
        let mut greedy: Vec<_> =
            (0..POOL_BYTES_MAX / LINK_BYTES_MAX).map(|_| budget.share()).collect();
        for share in &mut greedy {
            assert!(share.may_read(LINK_BYTES_MAX - READ, READ));
            assert!(!share.may_read(LINK_BYTES_MAX, READ));
            share.record(LINK_BYTES_MAX + OWN_BYTES_MAX);
        }
        assert!(budget.borrowed.load(Ordering::Relaxed) <= POOL_BYTES_MAX);
        let mut late = budget.share();
        assert!(late.may_read(OWN_BYTES_MAX - READ, READ));
        assert!(!late.may_read(OWN_BYTES_MAX - READ + 1, READ));
        drop(greedy);
        assert!(late.may_read(OWN_BYTES_MAX, READ));
        drop(late);
        assert_eq!(budget.borrowed.load(Ordering::Relaxed), 0);
    }
}
