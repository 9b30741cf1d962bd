//! What happened in an order.

use super::search::Taken;
use crate::harness::recorder::Operation;

/// How the step is called by which time passes.
pub const TIME_PASSES: &str = "an hour passes";

/// An order that was run to its end.
#[derive(Debug)]
pub struct Ran {
    /// The steps, as they were taken.
    pub steps: Vec<Taken>,
    /// What happened, for people.
    pub lines: Vec<Line>,
    /// What clients asked and were answered, what stood before included.
    pub history: Vec<Operation>,
}

impl Ran {
    /// Whether the hour passed in it.
    pub fn time_passed(&self) -> bool {
        self.step_names().any(|name| name == TIME_PASSES)
    }

    /// What its sessions did.
    pub fn step_names(&self) -> impl Iterator<Item = String> {
        self.lines.iter().filter_map(|line| match line {
            Line::Step { name, .. } => Some(name.clone()),
            Line::GoesOn { .. } | Line::Answer { .. } => None,
        })
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A session took a step.
    Step {
        /// Whose.
        session: usize,
        /// What it did.
        name: String,
        /// It has to wait for another's lock.
        waits: bool,
    },
    /// A session had waited and goes on.
    GoesOn {
        /// Whose.
        session: usize,
    },
    /// A session was answered, or a job's round is over.
    Answer {
        /// Whose.
        session: usize,
        /// What the answer says.
        text: String,
    },
}
