//! What thresholds are held against: the numbers of a run, already counted. Knows nothing of how they were recorded.

use std::collections::{BTreeMap, HashMap};

use crate::harness::recorder::{Latencies, OpKind};

/// The numbers of a run.
#[derive(Debug, Clone)]
pub struct Measured {
    /// Seconds of load.
    pub load_seconds: f64,
    /// Every request: how long it took and how it ended.
    pub requests: Latencies,
    /// Iterations started.
    pub iterations: u64,
    /// Iterations dropped for want of a free VU.
    pub dropped_iterations: u64,
    /// Bookings acknowledged to clients.
    pub bookings_confirmed: u64,
    /// Reservations granted to clients.
    pub reservations_held: u64,
    /// Seats that were sold more than once, cancelled in between.
    pub seats_resold: u64,
    /// Refusals by what was asked and the reason given.
    pub refusals: HashMap<(OpKind, String), u64>,
    /// Seats for sale.
    pub seats_count: u64,
    /// Seats sold, by the database, where it could be read.
    pub seats_sold: Option<u64>,
    /// Seats in bookings acknowledged to clients.
    pub seats_acknowledged: u64,
    /// What the servers counted themselves, by the name of the series, summed over servers and labels.
    pub server_counts: BTreeMap<String, u64>,
    /// Seconds from the load's start to the last seat's first sale, where all were sold.
    pub sold_out_seconds: Option<f64>,
}
