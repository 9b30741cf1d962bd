//! The beginning of a run's load: what all recorded times are counted from. Knows nothing of what is recorded.

use std::time::{Duration, Instant, SystemTime};

use crate::clock;

/// The moment 0 of a run, on the monotonic clock and on the wall.
#[derive(Debug, Clone, Copy)]
pub struct Epoch {
    monotonic: Instant,
    wall: Duration,
}

impl Epoch {
    /// Now is 0.
    pub fn begin() -> Self {
        Self { monotonic: clock::monotonic(), wall: clock::since_epoch() }
    }

    /// Microseconds since the beginning.
    pub fn now_us(&self) -> u64 {
        micros(clock::monotonic().saturating_duration_since(self.monotonic))
    }

    /// The moment this long after the beginning, for timers.
    pub fn at(&self, offset: Duration) -> tokio::time::Instant {
        tokio::time::Instant::from_std(self.monotonic) + offset
    }

    /// The beginning on the wall clock.
    pub fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + self.wall
    }
}

/// Whole microseconds of a duration.
pub fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
