//! How the server takes leases on Redis nodes.

use std::time::Duration;

use crate::booking::strategies::WhenLocksUnreachable;
use crate::locks::RedlockSettings;

/// How leases are taken, and what is done without them.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Locks (strategy redlock)")]
pub struct LockArgs {
    /// How long a lease lasts unless extended, in milliseconds.
    #[arg(long, env = "LOCK_TTL_MS", default_value_t = 5000, value_parser = clap::value_parser!(u64).range(10..=600_000))]
    lock_ttl_ms: u64,
    /// Share of a lease's TTL given up for clock drift, 0 to 0.5.
    #[arg(long, env = "REDLOCK_DRIFT_FACTOR", default_value_t = 0.01, value_parser = drift_factor)]
    redlock_drift_factor: f64,
    /// Tries to get a lease after the first.
    #[arg(long, env = "REDLOCK_RETRY_COUNT", default_value_t = 3, value_parser = clap::value_parser!(u32).range(0..=100))]
    redlock_retry_count: u32,
    /// Wait between tries, in milliseconds, with jitter.
    #[arg(long, env = "REDLOCK_RETRY_DELAY_MS", default_value_t = 200,
          value_parser = clap::value_parser!(u64).range(1..=10_000))]
    redlock_retry_delay_ms: u64,
    /// What to do when no majority of Redis nodes answers.
    #[arg(long, env = "WHEN_LOCKS_UNREACHABLE", value_enum, default_value = "degrade")]
    when_locks_unreachable: WhenUnreachable,
}

/// The words of the flag.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum WhenUnreachable {
    /// Go on without: the database still lets only one of them win.
    Degrade,
    /// Refuse with 503.
    Refuse,
}

impl From<WhenUnreachable> for WhenLocksUnreachable {
    fn from(given: WhenUnreachable) -> Self {
        match given {
            WhenUnreachable::Degrade => Self::Degrade,
            WhenUnreachable::Refuse => Self::Refuse,
        }
    }
}

impl LockArgs {
    /// How leases are taken.
    pub fn settings(&self) -> RedlockSettings {
        RedlockSettings {
            ttl: Duration::from_millis(self.lock_ttl_ms),
            drift_factor: self.redlock_drift_factor,
            retry_count: self.redlock_retry_count,
            retry_delay: Duration::from_millis(self.redlock_retry_delay_ms),
        }
    }

    /// What happens to claims when no majority of lock nodes answers.
    pub fn when_locks_unreachable(&self) -> WhenLocksUnreachable {
        self.when_locks_unreachable.into()
    }
}

fn drift_factor(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(factor) if (0.0..=0.5).contains(&factor) => Ok(factor),
        _ => Err("must be a number from 0 to 0.5".to_owned()),
    }
}
