//! Shares out the open files this process may have, so that proxies never take the last one from the control API; knows
//! numbers only.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Resource, getrlimit};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::process;

/// Connections of the control API at a time; more wait in the backlog.
pub const CONTROL_CONNECTIONS_MAX: usize = 128;
/// Kept for the control API, for looking up names, and for all that is not proxied; half of a limit that is very low.
const RESERVE: u64 = 256;
/// Most that proxies may take together, whatever the system allows.
const PROXIED_MAX: u64 = 65_536;
/// Pause between two complaints about one shortage.
const COMPLAINT_PAUSE: Duration = Duration::from_secs(5);

/// What is left for listeners (one each) and connections (two each) of all proxies.
#[derive(Clone)]
pub struct Descriptors {
    free: Arc<Semaphore>,
    complained: Arc<Mutex<Option<Instant>>>,
}

/// The right to open so many files; given back on drop, which therefore comes after closing them.
pub type Lease = OwnedSemaphorePermit;

/// Nothing is left, or the server is stopping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shortage;

impl Descriptors {
    /// What this process may open beyond what it has open now.
    pub fn of_this_process() -> Self {
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        Self::within(limit, process::open_files().unwrap_or(0))
    }

    fn within(limit: u64, open: u64) -> Self {
        let free =
            limit.saturating_sub(RESERVE.min(limit / 2)).saturating_sub(open).min(PROXIED_MAX);
        let free = usize::try_from(free).unwrap_or(0);
        Self { free: Arc::new(Semaphore::new(free)), complained: Arc::default() }
    }

    /// Takes `count`, or nothing; never waits.
    pub fn lease(&self, count: u32) -> Result<Lease, Shortage> {
        let free = Arc::clone(&self.free);
        free.try_acquire_many_owned(count).map_err(|_closed_or_too_few| Shortage)
    }

    /// From now on nothing is left: no listener and no connection can come any more.
    pub fn close(&self) {
        self.free.close();
    }

    /// Whether a shortage should be logged: not again and again within seconds.
    pub fn may_complain(&self) -> bool {
        let now = Instant::now();
        let mut complained = self.complained.lock().unwrap_or_else(PoisonError::into_inner);
        if complained.is_some_and(|last| now - last < COMPLAINT_PAUSE) {
            return false;
        }
        *complained = Some(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_is_never_given_out_and_leases_come_back() {
        for (limit, open, free) in
            [(1024, 20, 748), (100, 20, 30), (256, 200, 0), (0, 5, 0), (u64::MAX, 9, 65_536)]
        {
            assert_eq!(Descriptors::within(limit, open).free.available_permits(), free, "{limit}");
        }
        let descriptors = Descriptors::within(6, 0);
        let lease = descriptors.lease(2).unwrap();
        assert_eq!(descriptors.lease(2).unwrap_err(), Shortage);
        drop(lease);
        let _again = descriptors.lease(2).unwrap();
        descriptors.close();
        assert_eq!(descriptors.lease(1).unwrap_err(), Shortage);
    }

    #[test]
    fn a_shortage_is_told_once_in_a_while() {
        let descriptors = Descriptors::within(0, 0);
        assert!(descriptors.may_complain());
        assert!(!descriptors.clone().may_complain());
    }
}
