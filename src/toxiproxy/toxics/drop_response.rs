//! `drop_response` (ours, not Toxiproxy's): requests get through, replies never come back; knows nothing of protocols.
//!
//! Downstream, this is the fault that leaves a client unsure whether its request was carried out. Other than with
//! `timeout`, a connection that is idle when the toxic comes and goes survives it. Once a reply is dropped, the client is told
//! of no end either, not even when the upstream closes, but `close_after` later.

use std::time::Instant;

use super::{Attribute, Effect, Kind, MINUTE_MS, ONE_READ, Pipe, Stage, dial_at_once};
use crate::toxiproxy::queue::End;

const CLOSE_AFTER: Attribute = Attribute::new(
    "close_after",
    "time from the first dropped data to the close; 0 leaves the client waiting",
    "ms",
    0..=MINUTE_MS,
);

pub const KIND: Kind = Kind {
    name: "drop_response",
    is_original: false,
    summary: "drops all data, then closes `close_after` the first of it (ticketctl only)",
    attributes: &[CLOSE_AFTER],
    effect: Effect::Bytes("dropped"),
    capacity: ONE_READ,
    stages: || Box::new(|| Box::new(DropResponse { since: None })),
    dial_delay: dial_at_once,
};

struct DropResponse {
    /// When data was dropped first: from then on the stream has a hole and the connection is lost.
    since: Option<Instant>,
}

impl Stage for DropResponse {
    fn advance(&mut self, pipe: &mut Pipe<'_>) -> Option<Instant> {
        if pipe.drop_input() > 0 {
            self.since.get_or_insert(pipe.now);
        }
        let Some(since) = self.since.filter(|_| !pipe.receiver_left) else {
            pipe.forward_end();
            return None;
        };
        let close_after = pipe.attributes.millis(&CLOSE_AFTER);
        if close_after.is_zero() {
            return None;
        }
        if since + close_after > pipe.now {
            return Some(since + close_after);
        }
        pipe.close(End::Close);
        None
    }

    fn has_hole(&self) -> bool {
        self.since.is_some()
    }
}
