//! `desk`: an organizer's desk, where several hands change one event at once, each from the version that it has read, and one of
//! them again from a version that was read before. One of them may come through; the others have to read again.

use async_trait::async_trait;
use rand::Rng as _;
use serde::{Deserialize, Serialize};
use time::macros::{datetime, offset};
use time::{OffsetDateTime, UtcOffset};

use super::{Iteration, Workload};
use crate::harness::parsing::Section;
use crate::harness::recorder::Role;
use crate::harness::targets::{EventChange, Order};

/// Changes at once.
const HANDS: usize = 4;

/// 1 January 2100, 00:00 UTC: no sale of a run ends before.
const FAR_AWAY: OffsetDateTime = datetime!(2100-01-01 00:00 UTC);
const DAY_SECONDS: i64 = 24 * 60 * 60;
/// Where the desk is.
const OFFSET: UtcOffset = offset!(+5:30);

/// The workload.
#[derive(Debug, Serialize, Deserialize)]
pub struct Desk {}

#[async_trait]
impl Workload for Desk {
    fn name() -> &'static str {
        "desk"
    }

    fn summary() -> &'static str {
        "gives an event other titles and starts, several at once from one version"
    }

    fn in_background() -> bool {
        true
    }

    fn read(_section: &mut Section<'_>) -> Self {
        Self {}
    }

    async fn iterate(&self, iteration: &mut Iteration) {
        let event = iteration.choose_event();
        let Ok(mut desk) = iteration.companion(Role::Admin).await else { return };
        let Some(version) = desk.event_version(event).await else { return };
        let edits: Vec<Order> = (0..HANDS)
            .map(|hand| {
                let title = format!("Title {hand} of visit {}", iteration.number);
                let starts_at = starts_at(desk.rng.random_range(0..DAY_SECONDS));
                Order::ChangeEvent(EventChange::Edit { title, starts_at }, version.clone())
            })
            .collect();
        desk.ask_all_at_once(event, &edits).await;
        desk.ask_once(event, &edits[0]).await;
    }
}

/// So many seconds after a moment that is far away, in the desk's own time.
fn starts_at(seconds: i64) -> OffsetDateTime {
    (FAR_AWAY + time::Duration::seconds(seconds)).to_offset(OFFSET)
}
