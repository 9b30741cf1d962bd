//! What a toxic is, and the table of all of them; knows chunks and time, but neither sockets nor the control API.
//!
//! To add one: a new file with a `pub const KIND`, its `mod` line here, and its line in [`TOXICS`].

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;

use super::metrics::Affected;
use super::queue::{End, Queue};

mod noop;
mod latency;
mod bandwidth;
mod slow_close;
mod timeout;
mod reset_peer;
mod slicer;
mod limit_data;
mod packet_loss;
mod drop_response;
mod slow_connect;
mod shared_bandwidth;
mod pace;

/// Every type the control API knows, in the order it is documented.
pub const TOXICS: &[&Kind] = &[
    &noop::KIND,
    &latency::KIND,
    &bandwidth::KIND,
    &slow_close::KIND,
    &timeout::KIND,
    &reset_peer::KIND,
    &slicer::KIND,
    &limit_data::KIND,
    &packet_loss::KIND,
    &drop_response::KIND,
    &slow_connect::KIND,
    &shared_bandwidth::KIND,
];

/// One read of the socket: what a stage that holds nothing back may buffer.
pub const ONE_READ: usize = 32 * 1024;
/// Longest wait an attribute can ask for; more is taken as this.
const WAIT_MAX: Duration = Duration::from_hours(365 * 24);
/// Longest time that makes sense in a scenario: a minute, in ms and in µs.
const MINUTE_MS: i64 = 60_000;
const MINUTE_US: i64 = 60_000_000;
/// Highest rate that makes sense, kB/s: more than a loopback connection carries.
const RATE_MAX: i64 = 100_000_000;
/// Most bytes that make sense as a size or a limit.
const SIZE_MAX: i64 = 1_000_000_000;

/// A type of toxic: what the table holds.
pub struct Kind {
    /// The API's `type`.
    pub name: &'static str,
    /// Whether Toxiproxy has it. It takes attributes that its toxics do not know; ours refuse them.
    pub is_original: bool,
    /// One line for help texts.
    pub summary: &'static str,
    pub attributes: &'static [Attribute],
    /// What its counters count, and what that is called.
    pub effect: Effect,
    /// Bytes that may wait in front of the toxic before the sender is slowed down.
    pub capacity: usize,
    /// Called once for each toxic created; what the returned maker captures is shared by all its connections.
    pub stages: fn() -> StageMaker,
    /// How long a new connection waits before the upstream is dialled.
    pub dial_delay: fn(&Attributes) -> Duration,
}

/// Makes the stage of one link.
pub type StageMaker = Box<dyn Fn() -> Box<dyn Stage> + Send + Sync>;

/// A setting of a toxic: always a whole number, as in Toxiproxy.
#[derive(Debug, PartialEq, Eq)]
pub struct Attribute {
    pub name: &'static str,
    /// Meaning, for help texts.
    pub summary: &'static str,
    pub unit: &'static str,
    pub default: i64,
    /// What makes sense; the API takes any value, as Toxiproxy does, and scenarios take these.
    pub range: RangeInclusive<i64>,
    /// Whether a toxic that is to do something needs a value; the API does without, and scenarios have to give one.
    pub is_required: bool,
}

/// What a toxic does to what its counters count. The words go before a number of bytes or connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Data is `delayed`, `dropped` …
    Bytes(&'static str),
    /// Connections are `reset`, `closed` …
    Connections(&'static str),
    /// Nothing is done, and nothing counted.
    Nothing,
}

/// The settings of one toxic; those never set have their default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attributes(pub BTreeMap<&'static str, i64>);

/// A toxic at work on one link. It moves chunks from `pipe.input` to `pipe.output` and keeps what it holds back in
/// `pipe.input`, so that removing it can never lose data.
pub trait Stage: Send {
    /// Moves what may move now. Returns when to be called next; it is called anyway when data arrives or room appears.
    fn advance(&mut self, pipe: &mut Pipe<'_>) -> Option<Instant>;

    /// The attributes changed: data held back longest is released, as Toxiproxy does.
    fn interrupt(&mut self, _now: Instant) {}

    /// Whether data was dropped of a stream that has to close for it, because delivering more would leave a hole.
    fn has_hole(&self) -> bool {
        false
    }

    /// Whether removing the toxic must close the link.
    fn closes_on_removal(&self) -> bool {
        self.has_hole()
    }
}

/// What a stage works with during one call.
pub struct Pipe<'a> {
    pub now: Instant,
    pub input: &'a mut Queue,
    pub output: &'a mut Queue,
    pub attributes: &'a Attributes,
    pub random: &'a mut ChaCha8Rng,
    pub evidence: &'a mut Evidence,
    /// Whether the receiver has closed its side.
    pub receiver_left: bool,
}

/// Counts what one toxic did to one link.
pub struct Evidence {
    counters: Affected,
    touched: bool,
}

impl Attribute {
    /// An attribute that is 0 unless set; values are in `unit`.
    pub const fn new(
        name: &'static str,
        summary: &'static str,
        unit: &'static str,
        range: RangeInclusive<i64>,
    ) -> Self {
        Self { name, summary, unit, default: 0, range, is_required: false }
    }

    /// The same, without which the toxic does nothing.
    pub const fn required(self) -> Self {
        Self { is_required: true, ..self }
    }

    /// The same, with another value where none is set.
    pub const fn or(self, default: i64) -> Self {
        Self { default, ..self }
    }
}

impl Attributes {
    /// The value set, or the default.
    pub fn get(&self, attribute: &Attribute) -> i64 {
        self.0.get(attribute.name).copied().unwrap_or(attribute.default)
    }

    /// The value as a size or a rate; negative is 0.
    pub fn count(&self, attribute: &Attribute) -> u64 {
        u64::try_from(self.get(attribute)).unwrap_or(0)
    }

    /// The value as milliseconds; negative is 0, and more than a year is a year.
    pub fn millis(&self, attribute: &Attribute) -> Duration {
        Duration::from_millis(self.count(attribute)).min(WAIT_MAX)
    }

    /// The value as microseconds; negative is 0, and more than a year is a year.
    pub fn micros(&self, attribute: &Attribute) -> Duration {
        Duration::from_micros(self.count(attribute)).min(WAIT_MAX)
    }
}

impl Pipe<'_> {
    /// Hands on the end of the stream once everything before it has been handed on.
    pub fn forward_end(&mut self) {
        if self.input.is_empty()
            && let Some(end) = self.input.end()
        {
            self.output.finish(end);
        }
    }

    /// Moves everything there is room for, then the end.
    pub fn pass(&mut self) {
        self.pass_data();
        self.forward_end();
    }

    /// Moves everything there is room for, and keeps the end.
    pub fn pass_data(&mut self) {
        while self.output.has_room()
            && let Some(chunk) = self.input.pop()
        {
            self.output.push(chunk);
        }
    }

    /// Drops what is queued, counts it, and returns how many bytes that was.
    pub fn drop_input(&mut self) -> usize {
        let dropped = self.input.discard();
        if dropped > 0 {
            self.evidence.affected(dropped);
        }
        dropped
    }

    /// Ends the link from here: nothing more leaves this stage.
    pub fn close(&mut self, end: End) {
        self.drop_input();
        self.output.finish(end);
    }
}

impl Evidence {
    pub fn new(counters: Affected) -> Self {
        Self { counters, touched: false }
    }

    /// The toxic did something to this connection, and to `bytes` bytes of its data (0 is fine).
    pub fn affected(&mut self, bytes: usize) {
        self.counters.bytes.increment(bytes as u64);
        if !self.touched {
            self.touched = true;
            self.counters.connections.increment(1);
        }
    }
}

/// The `dial_delay` of a toxic that leaves connecting alone.
fn dial_at_once(_: &Attributes) -> Duration {
    Duration::ZERO
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_toxic_is_named_once_and_described() {
        let names: BTreeSet<_> = TOXICS.iter().map(|kind| kind.name).collect();
        assert_eq!(names.len(), TOXICS.len());
        for kind in TOXICS {
            assert!(!kind.summary.is_empty() && kind.capacity >= ONE_READ, "{}", kind.name);
            let attributes: BTreeSet<_> = kind.attributes.iter().map(|a| a.name).collect();
            assert_eq!(attributes.len(), kind.attributes.len(), "{}", kind.name);
            for attribute in kind.attributes {
                let Attribute { name, summary, unit, default, range, is_required } = attribute;
                assert!(!summary.is_empty() && !unit.is_empty(), "{} {name}", kind.name);
                assert!(!range.is_empty() && *range.start() >= 0, "{} {name}", kind.name);
                assert!(*is_required || range.contains(default), "{} {name}", kind.name);
            }
        }
    }

    #[test]
    fn the_types_of_toxiproxy_2_12_are_there_and_ours_say_that_they_are_ours() {
        let original = TOXICS.iter().filter(|kind| kind.is_original).map(|kind| kind.name);
        assert_eq!(
            original.collect::<Vec<_>>(),
            [
                "noop",
                "latency",
                "bandwidth",
                "slow_close",
                "timeout",
                "reset_peer",
                "slicer",
                "limit_data",
            ]
        );
        for kind in TOXICS {
            let says_so = kind.summary.ends_with("(ticketctl only)");
            assert_eq!(says_so, !kind.is_original, "{}", kind.name);
        }
    }

    #[test]
    fn odd_values_become_the_nearest_that_makes_sense() {
        const TIME: Attribute = Attribute::new("time", "", "", 0..=0);
        for (value, expected) in
            [(-1, Duration::ZERO), (3, Duration::from_millis(3)), (i64::MAX, WAIT_MAX)]
        {
            let attributes = Attributes(BTreeMap::from([("time", value)]));
            assert_eq!(attributes.millis(&TIME), expected);
        }
    }
}
