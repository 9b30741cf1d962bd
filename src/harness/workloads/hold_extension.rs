//! `hold_extension`: a buyer who needs longer: has the hold extended, asks for it once more in vain, and pays when the hold
//! would have been over. Another hold is extended and left to end, and then nothing can be had of it. Knows when holds
//! end only as a client can: by its own clock.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::buying::{AFTER_END, SHORT_HOLD};
use super::order::Ended;
use super::{Iteration, Workload};
use crate::harness::parsing::Section;
use crate::harness::recorder::Outcome;
use crate::harness::targets::{Held, Order, Read, Wanted};

/// The workload.
#[derive(Debug, Serialize, Deserialize)]
pub struct HoldExtension {}

#[async_trait]
impl Workload for HoldExtension {
    fn name() -> &'static str {
        "hold_extension"
    }

    fn summary() -> &'static str {
        "extends holds once, twice and after their end, and pays late in one"
    }

    fn in_background() -> bool {
        true
    }

    fn read(_section: &mut Section<'_>) -> Self {
        Self {}
    }

    async fn iterate(&self, iteration: &mut Iteration) {
        let event = iteration.choose_event();
        let (paid, left) = (iteration.want(event, 2), iteration.want(event, 1));
        let paid = extended(iteration, event, paid).await;
        let left = extended(iteration, event, left).await;
        if let Some(held) = &left {
            extend(iteration, event, held).await;
        }
        if !iteration.pause(SHORT_HOLD + AFTER_END).await {
            return;
        }
        if let Some(held) = &paid {
            iteration.see(event, Read::Reservation(held.reservation)).await;
            iteration.confirm(event, held).await;
        }
        if let Some(held) = &left
            && iteration.pause(SHORT_HOLD).await
        {
            extend(iteration, event, held).await;
            iteration.see(event, Read::Reservation(held.reservation)).await;
            iteration.confirm(event, held).await;
        }
    }
}

/// A hold that lasts twice as long.
async fn extended(iteration: &mut Iteration, event: usize, wanted: Wanted) -> Option<Held> {
    let Ended::Ok(held) = iteration.hold_for(event, wanted, SHORT_HOLD).await else { return None };
    extend(iteration, event, &held).await.then_some(held)
}

async fn extend(iteration: &mut Iteration, event: usize, held: &Held) -> bool {
    let answered = iteration.ask_once(event, &Order::Extend(held.clone())).await;
    answered.is_some_and(|answered| answered.outcome == Outcome::Ok)
}
