//! Delays what comes through a proxy. Knows nothing of what is carried.

use super::{Attribute, Fault, Strikes};

/// Toxiproxy's `latency`.
pub struct Latency;

impl Fault for Latency {
    fn name(&self) -> &'static str {
        "latency"
    }

    fn summary(&self) -> &'static str {
        "delays everything that comes through a proxy"
    }

    fn strikes(&self) -> Strikes {
        Strikes::Streams(&[
            Attribute {
                name: "latency",
                summary: "milliseconds of delay",
                least: 1,
                most: 60_000,
                default: 0,
                required: true,
            },
            Attribute {
                name: "jitter",
                summary: "milliseconds more or less, drawn for each piece",
                least: 0,
                most: 60_000,
                default: 0,
                required: false,
            },
        ])
    }
}
