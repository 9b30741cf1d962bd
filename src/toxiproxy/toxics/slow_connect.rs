//! `slow_connect` (ours, not Toxiproxy's): a new connection reaches the upstream late; knows nothing of data.
//!
//! The kernel completes the client's handshake before the proxy hears of it, so what the client sees is a connection that
//! opens at once and stays silent for `delay`.

use super::noop::Noop;
use super::{Attribute, Effect, Kind, MINUTE_MS, ONE_READ};

const DELAY: Attribute =
    Attribute::new("delay", "how much later the upstream is dialled", "ms", 1..=MINUTE_MS)
        .required();

pub const KIND: Kind = Kind {
    name: "slow_connect",
    is_original: false,
    summary: "dials the upstream `delay` late for each new connection (ticketctl only)",
    attributes: &[DELAY],
    effect: Effect::Connections("delayed the start of"),
    capacity: ONE_READ,
    stages: || Box::new(|| Box::new(Noop)),
    dial_delay: |attributes| attributes.millis(&DELAY),
};
