//! Shuts a proxy: its connections are cut and new ones refused. Knows nothing of what is carried.

use super::{Fault, Strikes};

/// Toxiproxy's `enabled = false`.
pub struct Down;

impl Fault for Down {
    fn name(&self) -> &'static str {
        "down"
    }

    fn summary(&self) -> &'static str {
        "cuts every connection of a proxy and refuses new ones"
    }

    fn strikes(&self) -> Strikes {
        Strikes::Proxies
    }
}
