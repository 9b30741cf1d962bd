//! Keeps a byte rate: says when a slice of data may leave; knows neither chunks nor who shares the rate.

use std::time::{Duration, Instant};

/// Longest lateness that is made up for by sending faster: timer error is, a pause of the reader is not.
const CATCH_UP: Duration = Duration::from_millis(100);
/// Largest slice, as a time at the full rate: a chunk bigger than this leaves in several.
const SLICE: Duration = Duration::from_millis(100);
/// Attributes count in kB of 1000 bytes.
const KB: u64 = 1000;

/// When the rate allows the next slice to start.
#[derive(Debug, Default)]
pub struct Pace {
    free_at: Option<Instant>,
}

impl Pace {
    /// Books `len` bytes that are ready since `ready` at `rate` kB/s, which is not 0; returns when they may leave.
    pub fn book(&mut self, len: usize, rate: u64, ready: Instant, now: Instant) -> Instant {
        let oldest = now.checked_sub(CATCH_UP).unwrap_or(now);
        let start = self.free_at.map_or(ready, |free_at| free_at.max(ready)).max(oldest);
        let leaves = start + time_of(len, rate);
        self.free_at = Some(leaves);
        leaves
    }

    /// Gives back a slice that was booked and will not leave. Those behind it may then leave earlier: see [`Pace::at_latest`].
    pub fn give_back(&mut self, time: Duration) {
        self.free_at = self.free_at.and_then(|free_at| free_at.checked_sub(time));
    }

    /// When a slice booked for `leaves` may leave: nothing has to wait beyond the time that all that is booked takes.
    pub fn at_latest(&self, leaves: Instant) -> Instant {
        self.free_at.map_or(leaves, |free_at| free_at.min(leaves))
    }

    /// Whether what is ready at `time` has to wait for others.
    pub fn is_booked_at(&self, time: Instant) -> bool {
        self.free_at.is_some_and(|free_at| free_at > time)
    }

    /// Forgets what is booked beyond `now`: the rate has changed.
    pub fn restart(&mut self, now: Instant) {
        self.free_at = self.free_at.map(|free_at| free_at.min(now));
    }
}

/// How long `len` bytes take at `rate` kB/s, which is not 0.
pub fn time_of(len: usize, rate: u64) -> Duration {
    let nanoseconds = u128::from(len as u64) * 1_000_000_000 / u128::from(rate.saturating_mul(KB));
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
}

/// The most bytes that leave at once at `rate` kB/s.
pub fn slice(rate: u64) -> usize {
    let bytes = u128::from(rate) * u128::from(KB) * SLICE.as_millis() / 1000;
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_follow_each_other_at_the_rate() {
        let now = Instant::now();
        let mut pace = Pace::default();
        let ms = Duration::from_millis;
        assert_eq!(pace.book(1000, 100, now, now), now + ms(10));
        assert_eq!(pace.book(1000, 100, now, now), now + ms(20));
        // Woken 3 ms late, the next slice is still due on schedule.
        assert!(pace.is_booked_at(now + ms(19)) && !pace.is_booked_at(now + ms(20)));
        assert_eq!(pace.book(1000, 100, now, now + ms(23)), now + ms(30));
    }

    #[test]
    fn what_is_given_back_lets_others_leave_earlier() {
        let now = Instant::now();
        let mut pace = Pace::default();
        let ms = Duration::from_millis;
        pace.book(1000, 100, now, now);
        let second = pace.book(1000, 100, now, now);
        assert_eq!(pace.at_latest(second), now + ms(20));
        pace.give_back(time_of(1000, 100));
        assert_eq!(pace.at_latest(second), now + ms(10));
        assert_eq!(pace.book(1000, 100, now, now), now + ms(20));
    }

    #[test]
    fn an_idle_or_blocked_link_saves_up_nothing_worth_a_burst() {
        let now = Instant::now();
        let mut pace = Pace::default();
        pace.book(1000, 100, now, now);
        let later = now + Duration::from_mins(1);
        assert_eq!(pace.book(1000, 100, later, later), later + Duration::from_millis(10));
        let blocked = later + Duration::from_mins(1);
        let leaves = pace.book(1000, 100, later, blocked);
        assert!(leaves + CATCH_UP >= blocked, "a burst after a pause");
    }

    #[test]
    fn extreme_rates_neither_panic_nor_round_to_nothing() {
        let now = Instant::now();
        assert_eq!(Pace::default().book(32_768, u64::MAX, now, now), now);
        assert_eq!(slice(u64::MAX), usize::MAX);
        assert_eq!(slice(1), 100);
    }
}
