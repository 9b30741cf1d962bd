//! What all iterations of a run share: whom they ask, what is for sale, who takes down what happens. Knows nothing of what
//! they do with it.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::seat_map::SeatMap;
use crate::harness::recorder::{Epoch, Recorder};
use crate::harness::targets::BookingApi;
use crate::wire::Admission;

/// What all iterations of a run share.
#[derive(Debug)]
pub struct LoadContext {
    /// Whom they ask.
    pub target: Arc<dyn BookingApi>,
    /// When the load began.
    pub epoch: Epoch,
    /// Takes down what happens.
    pub recorder: Recorder,
    /// The events, at least one.
    pub seat_maps: Vec<SeatMap>,
    /// Which of them are the inventory's.
    pub events: Range<usize>,
    /// Which of them are for the background.
    pub background_events: Range<usize>,
    /// Whether their seats have places or are only counted.
    pub admission: Admission,
    /// How long holds are asked to last; whole seconds.
    pub hold_ttl: Duration,
    /// The run's seed.
    pub seed: u64,
}
