//! `bandwidth`: limits the rate of each link; knows nothing of other connections.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::pace::{self, Pace};
use super::{Attribute, Effect, Kind, ONE_READ, Pipe, RATE_MAX, Stage, dial_at_once};

pub const RATE: Attribute = Attribute::new(
    "rate",
    "most that passes; 0 lets nothing through, a kB is 1000 bytes",
    "kB/s",
    0..=RATE_MAX,
)
.required();

/// The next slices have to be there when one leaves, or every late wake-up would slow the rate down: 5 ms' worth at 100 MB/s.
pub const READ_AHEAD: usize = 16 * ONE_READ;

/// How often a slice that waits for others looks whether these have gone.
const LOOK: Duration = Duration::from_millis(200);

pub const KIND: Kind = Kind {
    name: "bandwidth",
    is_original: true,
    summary: "limits each connection to `rate`",
    attributes: &[RATE],
    effect: Effect::Bytes("slowed"),
    capacity: READ_AHEAD,
    stages: || Box::new(|| Box::new(Bandwidth::new(Arc::default()))),
    dial_delay: dial_at_once,
};

/// Sends slice after slice, each when its time at the rate has passed.
pub struct Bandwidth {
    pace: Arc<Mutex<Pace>>,
    slice: Option<Slice>,
}

/// The slice that waits for its time.
struct Slice {
    len: usize,
    leaves: Instant,
    /// The time it takes of the pace.
    booked: Duration,
}

impl Bandwidth {
    /// Links with one pace share its rate.
    pub fn new(pace: Arc<Mutex<Pace>>) -> Self {
        Self { pace, slice: None }
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes up to 100 ms worth of the first chunk and books its time.
    fn take(&self, pipe: &mut Pipe<'_>, arrived: Instant, len: usize) -> Slice {
        let rate = pipe.attributes.count(&RATE);
        let len = len.min(pace::slice(rate));
        let mut pace = self.pace();
        let waits_its_turn = pace.is_booked_at(arrived);
        let leaves = pace.book(len, rate, arrived, pipe.now);
        if waits_its_turn || leaves > pipe.now {
            pipe.evidence.affected(len);
        }
        Slice { len, leaves, booked: pace::time_of(len, rate) }
    }

    /// Holds the first chunk until the toxic is changed or removed.
    fn block(&mut self, pipe: &mut Pipe<'_>, len: usize) {
        if self.slice.is_none() {
            pipe.evidence.affected(len);
            self.slice = Some(Slice { len, leaves: pipe.now, booked: Duration::ZERO });
        }
    }
}

impl Stage for Bandwidth {
    fn advance(&mut self, pipe: &mut Pipe<'_>) -> Option<Instant> {
        while let Some(front) = pipe.input.front() {
            let (arrived, len) = (front.arrived, front.data.len());
            if pipe.attributes.count(&RATE) == 0 {
                self.block(pipe, len);
                return None;
            }
            let slice = self.slice.take().unwrap_or_else(|| self.take(pipe, arrived, len));
            let leaves = self.pace().at_latest(slice.leaves);
            let len = slice.len;
            self.slice = Some(slice);
            if leaves > pipe.now {
                return Some(leaves.min(pipe.now + LOOK));
            }
            if !pipe.output.has_room() {
                return None;
            }
            if let Some(mut chunk) = pipe.input.pop_up_to(len) {
                chunk.arrived = leaves;
                pipe.output.push(chunk);
            }
            self.slice = None;
        }
        pipe.forward_end();
        None
    }

    fn interrupt(&mut self, now: Instant) {
        self.pace().restart(now);
        // The whole chunk in hand, not only its slice.
        let whole = Slice { len: usize::MAX, leaves: now, booked: Duration::ZERO };
        self.slice = self.slice.take().map(|_| whole);
    }
}

impl Drop for Bandwidth {
    fn drop(&mut self) {
        if let Some(slice) = self.slice.take() {
            self.pace().give_back(slice.booked);
        }
    }
}
