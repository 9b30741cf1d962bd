//! `latency`: each chunk leaves a set time after it arrived; knows nothing of rates.

use std::time::{Duration, Instant};

use rand::Rng;

use super::{Attribute, Effect, Kind, MINUTE_MS, Pipe, Stage, dial_at_once};
use crate::toxiproxy::budget;

const LATENCY: Attribute = Attribute::new("latency", "delay", "ms", 1..=MINUTE_MS).required();
const JITTER: Attribute =
    Attribute::new("jitter", "the delay varies by up to this much either way", "ms", 0..=MINUTE_MS);

pub const KIND: Kind = Kind {
    name: "latency",
    is_original: true,
    summary: "delays data by latency +/- jitter",
    attributes: &[LATENCY, JITTER],
    effect: Effect::Bytes("delayed"),
    // A long queue, so that a delay costs no throughput.
    capacity: budget::LINK_BYTES_MAX,
    stages: || Box::new(|| Box::new(Latency::default())),
    dial_delay: dial_at_once,
};

/// Order is kept: a chunk never overtakes, so the delays of queued chunks overlap rather than add.
#[derive(Default)]
struct Latency {
    /// When the first chunk of the queue leaves; `None` until it has been looked at.
    due: Option<Instant>,
    /// Until when this toxic has held data back so far.
    held_until: Option<Instant>,
}

impl Latency {
    fn hold(&mut self, pipe: &mut Pipe<'_>, arrived: Instant, len: usize) -> Instant {
        let delay = delay(pipe);
        let due = arrived + delay;
        let waits_its_turn = self.held_until.is_some_and(|until| arrived < until);
        // A chunk that only a slow reader kept waiting was not delayed by us.
        if !delay.is_zero() && (due > pipe.now || waits_its_turn) {
            pipe.evidence.affected(len);
            self.held_until = Some(due);
        }
        due
    }
}

impl Stage for Latency {
    fn advance(&mut self, pipe: &mut Pipe<'_>) -> Option<Instant> {
        while let Some(front) = pipe.input.front() {
            let (arrived, len) = (front.arrived, front.data.len());
            let due = self.due.unwrap_or_else(|| self.hold(pipe, arrived, len));
            self.due = Some(due);
            if due > pipe.now {
                return Some(due);
            }
            if !pipe.output.has_room() {
                return None;
            }
            if let Some(mut chunk) = pipe.input.pop() {
                chunk.arrived = due;
                pipe.output.push(chunk);
            }
            self.due = None;
        }
        pipe.forward_end();
        None
    }

    fn interrupt(&mut self, now: Instant) {
        self.due = self.due.map(|due| due.min(now));
    }
}

fn delay(pipe: &mut Pipe<'_>) -> Duration {
    let latency = pipe.attributes.millis(&LATENCY);
    let jitter = pipe.attributes.millis(&JITTER);
    let Ok(jitter_ms) = u64::try_from(jitter.as_millis()) else { return latency };
    if jitter_ms == 0 {
        return latency;
    }
    let shift = Duration::from_millis(pipe.random.random_range(0..2 * jitter_ms));
    (latency + shift).saturating_sub(jitter)
}
