//! The header in which a server says what an answer took of each dependency. Source: <https://www.w3.org/TR/server-timing/>, with
//! two parameters of our own, which others pass over: `redis-1;dur=1.250;calls=2;failed=1`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

/// The header's name.
pub const SERVER_TIMING: &str = "server-timing";

/// What an answer took, by dependency: `postgresql`, `redis-1`, `payments`.
pub type Timings = BTreeMap<String, Timing>;

/// What an answer took of one dependency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// Time of all calls together, microseconds.
    pub us: u64,
    /// Calls, 1 or more; the wait for a connection of a pool is one.
    pub calls: u32,
    /// Calls that got no usable answer.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failed: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// The header's value.
pub fn write(timings: &Timings) -> String {
    let mut value = String::new();
    for (dependency, Timing { us, calls, failed }) in timings {
        let comma = if value.is_empty() { "" } else { ", " };
        let (ms, rest) = (us / 1000, us % 1000);
        // Writing to a string cannot fail.
        let _written = write!(value, "{comma}{dependency};dur={ms}.{rest:03};calls={calls}");
        if *failed > 0 {
            let _written = write!(value, ";failed={failed}");
        }
    }
    value
}

/// What a value of the header says; what can't be read says nothing.
pub fn read(value: &str) -> Timings {
    let mut timings = Timings::new();
    for metric in split(value, ',') {
        let mut parts = split(metric, ';').into_iter().map(str::trim);
        let Some(name) = parts.next().filter(|name| !name.is_empty()) else { continue };
        let mut read = Timing { calls: 1, ..Timing::default() };
        for (key, value) in parts.filter_map(|part| part.split_once('=')) {
            let value = value.trim().trim_matches('"');
            match key.trim() {
                "dur" => read.us = micros(value),
                "calls" => read.calls = value.parse().unwrap_or(1),
                "failed" => read.failed = value.parse().unwrap_or(0),
                _ => {}
            }
        }
        let timing = timings.entry(name.to_owned()).or_default();
        timing.us = timing.us.saturating_add(read.us);
        timing.calls = timing.calls.saturating_add(read.calls);
        timing.failed = timing.failed.saturating_add(read.failed);
    }
    timings
}

fn micros(ms: &str) -> u64 {
    let seconds = ms.parse::<f64>().ok().map(|ms| ms / 1000.0);
    let duration = seconds.and_then(|seconds| std::time::Duration::try_from_secs_f64(seconds).ok());
    duration.map_or(0, |duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}

/// Splits where it is not quoted.
fn split(text: &str, at: char) -> Vec<&str> {
    let mut is_quoted = false;
    let is_split = |letter: char| {
        is_quoted ^= letter == '"';
        letter == at && !is_quoted
    };
    text.split(is_split).collect()
}

#[cfg(test)]
mod tests {
    use super::{Timing, Timings, read, write};

    fn timing(us: u64, calls: u32, failed: u32) -> Timing {
        Timing { us, calls, failed }
    }

    #[test]
    fn what_is_written_reads_back() {
        let timings = Timings::from([
            ("postgresql".to_owned(), timing(12_345, 3, 0)),
            ("redis-2".to_owned(), timing(7, 2, 1)),
        ]);
        let value = write(&timings);
        assert_eq!(value, "postgresql;dur=12.345;calls=3, redis-2;dur=0.007;calls=2;failed=1");
        assert_eq!(read(&value), timings);
        assert_eq!(read(&write(&Timings::new())), Timings::new());
    }

    #[test]
    fn what_other_servers_write_is_read_as_far_as_it_goes() {
        let other = "miss, db;dur=53, db;dur=47.2, app;desc=\"a, b; dur=9\";dur=x, ;dur=1";
        let expected = Timings::from([
            ("miss".to_owned(), timing(0, 1, 0)),
            ("db".to_owned(), timing(100_200, 2, 0)),
            ("app".to_owned(), timing(0, 1, 0)),
        ]);
        assert_eq!(read(other), expected);
    }
}
