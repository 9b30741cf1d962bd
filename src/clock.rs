//! The only place that reads the machine's clocks; everything else is handed a time.

use std::time::{Duration, Instant, SystemTime};

use time::OffsetDateTime;

/// Wall-clock time, UTC.
#[expect(clippy::disallowed_methods, reason = "this is the one permitted reader of the wall clock")]
pub fn now_utc() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

/// Wall-clock time since the Unix epoch; zero on a machine whose clock stands before 1970.
#[expect(clippy::disallowed_methods, reason = "this is the one permitted reader of the wall clock")]
pub fn since_epoch() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// Monotonic time, for measuring how long something took.
pub fn monotonic() -> Instant {
    Instant::now()
}
