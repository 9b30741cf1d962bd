//! A toxic as somebody created it on a proxy; knows its settings, not the links it works on.

use std::sync::Arc;

use super::metrics::Affected;
use super::toxics::{Attributes, Kind, StageMaker};

/// Which way bytes flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the upstream.
    Upstream,
    /// From the upstream to the client.
    Downstream,
}

impl Direction {
    pub const BOTH: [Self; 2] = [Self::Upstream, Self::Downstream];

    pub fn name(self) -> &'static str {
        match self {
            Self::Upstream => "upstream",
            Self::Downstream => "downstream",
        }
    }

    /// Reads the API's word, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        Self::BOTH.into_iter().find(|direction| direction.name().eq_ignore_ascii_case(text))
    }
}

/// One toxic at one moment; an update makes a new value with the same `id` and the next `revision`.
#[derive(Clone)]
pub struct Toxic {
    /// Tells a toxic from another one created later under the same name.
    pub id: u64,
    pub revision: u64,
    pub name: String,
    pub kind: &'static Kind,
    pub direction: Direction,
    /// The direction as the client wrote it, which is how it is shown.
    pub stream: String,
    /// The share of links it works on; below 0 is none, above 1 is all.
    pub toxicity: f32,
    pub attributes: Attributes,
    pub stages: Arc<StageMaker>,
    pub affected: Affected,
}
