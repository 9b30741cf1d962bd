//! `drop_response` (ours, not Toxiproxy's): requests get through, replies never come back; knows nothing of protocols.
//!
//! Downstream, this is the fault that leaves a client unsure whether its request was carried out. Other than with
//! `timeout`, a connection that is idle when the toxic comes and goes survives it.

use std::time::Instant;

use crate::toxiproxy::queue::End;
use crate::toxiproxy::toxics::{Attribute, Kind, ONE_READ, Pipe, Stage, dial_at_once};

const CLOSE_AFTER: Attribute = Attribute::zero(
    "close_after",
    "time from the first dropped data to the close, ms; 0 leaves the client waiting",
);

pub const KIND: Kind = Kind {
    name: "drop_response",
    summary: "drops all data, then closes `close_after` the first of it (ticketctl only)",
    attributes: &[CLOSE_AFTER],
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
        pipe.forward_end();
        let close_after = pipe.attributes.millis(&CLOSE_AFTER);
        let closes = self.since.filter(|_| !close_after.is_zero())? + close_after;
        if closes > pipe.now {
            return Some(closes);
        }
        pipe.close(End::Close);
        None
    }

    fn closes_on_removal(&self) -> bool {
        self.since.is_some()
    }
}
