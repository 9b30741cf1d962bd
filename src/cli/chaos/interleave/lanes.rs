//! Lanes of a strategy, side by side.

use crate::booking::strategies::{Need, StrategyEntry};
use crate::cli::process::this_program;
use crate::interleave::gate::Rewrite;
use crate::interleave::lane::{LANES, Lane, LaneSpec};
use crate::stack::Stack;

/// Sets lanes up, one after the other: each has a number of its own on the stack.
pub struct Opener<'a> {
    /// What they are on.
    pub stack: &'a mut Stack,
    opened: usize,
}

impl<'a> Opener<'a> {
    /// None so far.
    pub fn new(stack: &'a mut Stack) -> Self {
        Self { stack, opened: 0 }
    }

    /// As many as work side by side.
    ///
    /// # Errors
    /// Something could not be started.
    pub async fn open(
        &mut self,
        strategy: &StrategyEntry,
        sessions: usize,
        rewrite: &Rewrite,
    ) -> anyhow::Result<Vec<Lane>> {
        let exe = this_program()?;
        let mut lanes = Vec::new();
        for _ in 0..LANES {
            self.opened += 1;
            let spec = LaneSpec {
                strategy: strategy.name,
                takes_leases: strategy.needs.contains(&Need::LockNodes),
                number: self.opened,
                sessions,
                exe: &exe,
            };
            lanes.push(Lane::open(self.stack, spec, rewrite).await?);
        }
        Ok(lanes)
    }
}
