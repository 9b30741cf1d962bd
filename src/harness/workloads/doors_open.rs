//! `doors_open`: visitors who buy a ticket each well before the doors open, and then come, one after the other, in the second after:
//! a time in which nothing is sold. Who arrives later than that has no ticket and asks for none.

use std::time::Duration;

use async_trait::async_trait;
use rand::Rng as _;
use serde::{Deserialize, Serialize};

use super::{Iteration, Workload};
use crate::harness::parsing::Section;
use crate::harness::plan::duration_ms;
use crate::harness::recorder::Role;
use crate::harness::targets::{Order, Ticket};

/// How long before the doors open the last ticket is asked for.
const SALE_ENDS_BEFORE: Duration = Duration::from_millis(500);
/// How long it takes until all have come.
const ALL_COME_WITHIN: Duration = Duration::from_secs(1);
/// The doors open after this, where the scenario doesn't say.
const OPENS_AFTER: Duration = Duration::from_secs(5);

/// The workload.
#[derive(Debug, Serialize, Deserialize)]
pub struct DoorsOpen {
    /// When the doors open, from the start of the run on.
    #[serde(with = "duration_ms")]
    pub opens: Duration,
}

#[async_trait]
impl Workload for DoorsOpen {
    fn name() -> &'static str {
        "doors_open"
    }

    fn summary() -> &'static str {
        "buys a ticket early, and shows it when the doors open and nothing is sold any more (opens)"
    }

    fn read(section: &mut Section<'_>) -> Self {
        let opens = section.duration("opens", SALE_ENDS_BEFORE..=Duration::from_hours(1));
        Self { opens: opens.unwrap_or(OPENS_AFTER) }
    }

    async fn iterate(&self, iteration: &mut Iteration) {
        let now = Duration::from_micros(iteration.context.epoch.now_us());
        let comes = self.opens + ALL_COME_WITHIN.mul_f64(iteration.rng.random());
        if now + SALE_ENDS_BEFORE > self.opens {
            return;
        }
        let event = iteration.choose_event();
        let Ok(mut door) = iteration.companion(Role::Admin).await else { return };
        let Some(ticket) = iteration.buy(event, 1).await.as_ref().and_then(Ticket::first_of) else {
            return;
        };
        let now = Duration::from_micros(iteration.context.epoch.now_us());
        if iteration.pause(comes.saturating_sub(now)).await {
            door.ask_once(event, &Order::CheckIn(ticket)).await;
        }
    }
}
