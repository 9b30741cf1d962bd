//! `noop`: data passes; knows nothing to do.

use std::time::Instant;

use super::{Effect, Kind, ONE_READ, Pipe, Stage, dial_at_once};

pub const KIND: Kind = Kind {
    name: "noop",
    is_original: true,
    summary: "passes data and does nothing: as a fault it never bites",
    attributes: &[],
    effect: Effect::Nothing,
    capacity: ONE_READ,
    stages: || Box::new(|| Box::new(Noop)),
    dial_delay: dial_at_once,
};

/// Also stands in for a toxic whose toxicity spared a link.
pub struct Noop;

impl Stage for Noop {
    fn advance(&mut self, pipe: &mut Pipe<'_>) -> Option<Instant> {
        pipe.pass();
        None
    }
}
