//! What thresholds are held against: the numbers of a run, already counted. Knows nothing of how they were recorded.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use crate::harness::recorder::OpKind;
use crate::harness::reports::summary::Outcomes;

/// The numbers of a run.
#[derive(Debug, Clone)]
pub struct Measured {
    /// Seconds of load.
    pub load_seconds: f64,
    /// Per operation; an operation that never ran is absent or empty.
    pub operations: BTreeMap<OpKind, MeasuredOperation>,
    /// Iterations started.
    pub iterations: u64,
    /// Iterations dropped for want of a free VU.
    pub dropped_iterations: u64,
    /// Bookings acknowledged to clients.
    pub bookings_confirmed: u64,
    /// Reservations granted to clients.
    pub reservations_held: u64,
    /// Seats sold, by the database.
    pub seats_sold: u64,
    /// Seconds from the load's start to the last seat's first sale, where all were sold.
    pub sold_out_seconds: Option<f64>,
}

/// One kind of operation.
#[derive(Debug, Clone)]
pub struct MeasuredOperation {
    /// Requests by outcome, as the clients saw them.
    pub outcomes: Outcomes,
    /// Microseconds from the intended start to the answer.
    pub latency_us: Histogram<u64>,
    /// Microseconds from sending to the answer.
    pub service_us: Histogram<u64>,
}
