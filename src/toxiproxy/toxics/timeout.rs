//! `timeout`: drops all data, and closes after a silence; knows nothing of requests.

use std::time::Instant;

use super::{Attribute, Effect, Kind, MINUTE_MS, ONE_READ, Pipe, Stage, dial_at_once};
use crate::toxiproxy::queue::End;

const TIMEOUT: Attribute = Attribute::new(
    "timeout",
    "silence before the connection closes; 0 never closes",
    "ms",
    0..=MINUTE_MS,
);

pub const KIND: Kind = Kind {
    name: "timeout",
    is_original: true,
    summary: "drops all data, then closes after `timeout` without data; removing it closes too",
    attributes: &[TIMEOUT],
    effect: Effect::Bytes("swallowed"),
    capacity: ONE_READ,
    stages: || Box::new(|| Box::new(Timeout { silent_since: None })),
    dial_delay: dial_at_once,
};

struct Timeout {
    silent_since: Option<Instant>,
}

impl Stage for Timeout {
    fn advance(&mut self, pipe: &mut Pipe<'_>) -> Option<Instant> {
        if pipe.drop_input() > 0 {
            self.silent_since = None;
        }
        let since = *self.silent_since.get_or_insert(pipe.now);
        pipe.forward_end();
        let timeout = pipe.attributes.millis(&TIMEOUT);
        if timeout.is_zero() || pipe.output.end().is_some() {
            return None;
        }
        if since + timeout <= pipe.now {
            pipe.evidence.affected(0);
            pipe.close(End::Close);
            return None;
        }
        Some(since + timeout)
    }

    fn interrupt(&mut self, now: Instant) {
        self.silent_since = Some(now);
    }

    fn closes_on_removal(&self) -> bool {
        true
    }
}
