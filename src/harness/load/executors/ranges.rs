//! Ranges that the settings of several executors share.

use std::ops::RangeInclusive;
use std::time::Duration;

/// Virtual users.
pub const VUS: RangeInclusive<u32> = 1..=5_000;
/// Iterations a second, at most.
pub const RATE_MAX: f64 = 100_000.0;
/// How long a load may last.
pub const DURATION: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_hours(1);
