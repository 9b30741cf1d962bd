//! `hoarding`: a buyer who holds one ticket after the other, more than one user may at a time, and gives them all up.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::order::Ended;
use super::{Iteration, Workload};
use crate::domain::Holds;
use crate::harness::parsing::Section;

/// Holds that the buyer is after: one more than there may be.
const HOLDS: usize = Holds::USUAL.holds as usize + 1;
/// Holds asked for at most: somebody else may be quicker.
const ASKS_MAX: u32 = 12;

/// The workload.
#[derive(Debug, Serialize, Deserialize)]
pub struct Hoarding {}

#[async_trait]
impl Workload for Hoarding {
    fn name() -> &'static str {
        "hoarding"
    }

    fn summary() -> &'static str {
        "holds one ticket after the other, more than one user may, and gives them all up"
    }

    fn in_background() -> bool {
        true
    }

    fn read(_section: &mut Section<'_>) -> Self {
        Self {}
    }

    async fn iterate(&self, iteration: &mut Iteration) {
        let event = iteration.choose_event();
        let mut all = Vec::new();
        for _ in 0..ASKS_MAX {
            let wanted = iteration.want(event, 1);
            if let Ended::Ok(held) = iteration.hold(event, wanted).await {
                all.push(held);
            }
            if all.len() == HOLDS {
                break;
            }
        }
        for held in &all {
            iteration.cancel(event, held).await;
        }
    }
}
