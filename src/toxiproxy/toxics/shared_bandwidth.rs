//! `shared_bandwidth` (ours, not Toxiproxy's): limits the rate of all connections of a proxy together; knows each only
//! by what it books.

use std::sync::Arc;

use super::bandwidth::{Bandwidth, RATE, READ_AHEAD};
use super::{Effect, Kind, dial_at_once};

pub const KIND: Kind = Kind {
    name: "shared_bandwidth",
    is_original: false,
    summary: "limits all connections of the proxy together to `rate` (ticketctl only)",
    attributes: &[RATE],
    effect: Effect::Bytes("slowed"),
    capacity: READ_AHEAD,
    stages: || {
        let pace = Arc::default();
        Box::new(move || Box::new(Bandwidth::new(Arc::clone(&pace))))
    },
    dial_delay: dial_at_once,
};
