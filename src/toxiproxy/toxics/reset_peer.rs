//! `reset_peer`: resets the connection some time after its first data; knows no sockets, the link does the resetting.
//!
//! Other than in Toxiproxy, connections that were open when the toxic was added are reset too, and one that ends before the
//! toxic fires ends in order.

use std::time::Instant;

use super::{Attribute, Effect, Kind, MINUTE_MS, ONE_READ, Pipe, Stage, dial_at_once};
use crate::toxiproxy::queue::End;

const TIMEOUT: Attribute =
    Attribute::new("timeout", "time from the first data to the reset", "ms", 0..=MINUTE_MS);

pub const KIND: Kind = Kind {
    name: "reset_peer",
    is_original: true,
    summary: "holds the first data or the end, then resets both sides after `timeout`",
    attributes: &[TIMEOUT],
    effect: Effect::Connections("reset"),
    capacity: ONE_READ,
    stages: || Box::new(|| Box::new(ResetPeer { since: None })),
    dial_delay: dial_at_once,
};

struct ResetPeer {
    since: Option<Instant>,
}

impl Stage for ResetPeer {
    fn advance(&mut self, pipe: &mut Pipe<'_>) -> Option<Instant> {
        if pipe.input.is_empty() && pipe.input.end().is_none() {
            return None;
        }
        let since = *self.since.get_or_insert(pipe.now);
        let fires = since + pipe.attributes.millis(&TIMEOUT);
        if fires > pipe.now {
            return Some(fires);
        }
        pipe.evidence.affected(0);
        pipe.close(End::Reset);
        None
    }

    fn interrupt(&mut self, now: Instant) {
        self.since = self.since.map(|_| now);
    }
}
