//! `packet_loss` (ours, not Toxiproxy's): what lost packets look like to a program, which is late data; knows no packets.
//!
//! TCP never loses data, it sends it again when the acknowledgement stays out. So a chunk that is "lost" arrives one
//! retransmission timeout later, after two losses another two later, and everything behind it waits.

use std::time::{Duration, Instant};

use rand::Rng;

use super::{Attribute, Effect, Kind, MINUTE_MS, Pipe, Stage, dial_at_once};
use crate::toxiproxy::budget;

const LOSS: Attribute =
    Attribute::new("loss", "chunks that are lost each time they are sent", "%", 1..=100).required();
const RETRANSMIT: Attribute = Attribute::new(
    "retransmit",
    "time until a lost chunk is sent again; doubles with each loss",
    "ms",
    1..=MINUTE_MS,
)
.or(200);

/// Losses of one chunk in a row: Linux gives up on a connection after about as many.
const LOSSES_MAX: u32 = 8;

pub const KIND: Kind = Kind {
    name: "packet_loss",
    is_original: false,
    summary: "delays `loss` % of the chunks as if they were sent again (ticketctl only)",
    attributes: &[LOSS, RETRANSMIT],
    effect: Effect::Bytes("delayed"),
    capacity: budget::LINK_BYTES_MAX,
    stages: || Box::new(|| Box::new(PacketLoss { due: None })),
    dial_delay: dial_at_once,
};

struct PacketLoss {
    /// When the first chunk of the queue gets through; `None` until it has been sent.
    due: Option<Instant>,
}

impl Stage for PacketLoss {
    fn advance(&mut self, pipe: &mut Pipe<'_>) -> Option<Instant> {
        while let Some(front) = pipe.input.front() {
            let len = front.data.len();
            let due = *self.due.get_or_insert_with(|| send(pipe, len));
            if due > pipe.now {
                return Some(due);
            }
            if !pipe.output.has_room() {
                return None;
            }
            if let Some(mut chunk) = pipe.input.pop() {
                chunk.arrived = chunk.arrived.max(due);
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

/// Sends a chunk of `len` bytes until it is not lost; returns when it gets through.
fn send(pipe: &mut Pipe<'_>, len: usize) -> Instant {
    let delay = delay(pipe);
    if !delay.is_zero() {
        pipe.evidence.affected(len);
    }
    pipe.now + delay
}

fn delay(pipe: &mut Pipe<'_>) -> Duration {
    let loss = pipe.attributes.count(&LOSS).min(100);
    let retransmit = pipe.attributes.millis(&RETRANSMIT);
    let is_lost = |_: &u32| pipe.random.random_range(0..100) < loss;
    let losses = (0..LOSSES_MAX).take_while(is_lost);
    losses.fold(Duration::ZERO, |delay, doublings| delay + retransmit * 2_u32.pow(doublings))
}
