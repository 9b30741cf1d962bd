//! What the clients saw: written to disk while it happens, measured, counted. Judges nothing.

/// One request and its outcome.
pub mod operation;
/// The beginning of the run.
pub mod epoch;
/// Counters that move during the load.
pub mod live;
/// How long requests took.
pub mod latencies;
/// The latency log, second by second.
pub mod interval_log;
/// The history on disk.
pub mod history;
/// The task that writes it all down.
pub mod recording;
/// Operations for tests.
#[cfg(test)]
pub mod fixtures;

pub use epoch::Epoch;
pub use latencies::Latencies;
pub use live::Live;
pub use operation::{LIST_ROWS_MAX, OpKind, Operation, Outcome, Role, SeatState, Told};
pub use recording::{Recorded, Recorder, Recording};
