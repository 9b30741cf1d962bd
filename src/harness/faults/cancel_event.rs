//! Cancels an event in the middle of its sale, as its organizer would, and then, where the scenario says so, deletes it. Knows nothing
//! of how a server does that.

use std::time::Duration;

use anyhow::{Context as _, bail};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sqlx::{Connection as _, PgConnection};
use tokio::time::timeout;
use uuid::Uuid;

use super::context::Context;
use super::target::{self, Reachable};
use super::{Fault, Key, Reach, Struck};
use crate::harness::parsing::Section;
use crate::harness::plan::{FaultPlan, Settings, Target};
use crate::harness::recorder::{Outcome, Role};
use crate::harness::targets::{Call, EventChange, Order};
use crate::harness::workloads::{LoadContext, Origin};
use crate::storage::audit::{self, EventSales};
use crate::wire::Reason;

/// The admin who does it: nobody else in a run has this id.
const ADMIN: Uuid = Uuid::from_u128(0xad_u128);
/// How long the server may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// PATCH to `cancelled`, once and for good.
pub struct CancelEvent;

/// What a scenario says of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct CancelSettings {
    /// The event's number, from 1.
    event: u32,
    /// Deleted in the end: what is not refunded by then has to be all the same.
    #[serde(default)]
    delete: bool,
}

#[async_trait]
impl Fault for CancelEvent {
    fn name(&self) -> &'static str {
        "cancel-event"
    }

    fn summary(&self) -> &'static str {
        "cancels an event for good, in the middle of its sale"
    }

    fn keys(&self) -> Vec<Key> {
        vec![
            Key::new("event", "its number, from 1"),
            Key::new("delete", "whether it is deleted in the end; false unless given"),
        ]
    }

    fn read(&self, section: &mut Section<'_>, reachable: &Reachable<'_>) -> Settings {
        let event = target::event(section, reachable);
        Settings::of(&CancelSettings { event, delete: section.boolean("delete").unwrap_or(false) })
    }

    /// None: it is the job's work that it is about, and what it sees of it decides.
    fn reach(&self, _fault: &FaultPlan, _target: &Target) -> anyhow::Result<Option<Reach>> {
        Ok(None)
    }

    /// It had an effect when there was something to refund and somebody came too late for more.
    async fn strike(&self, context: &Context<'_>) -> anyhow::Result<Struck> {
        let settings: CancelSettings = context.settings()?;
        let (load, event) = context.event(settings.event)?;
        let live = context.run.live;
        let sold = sales(context, event).await?;
        let before = live.refusals(event, Reason::NotOnSale);
        let struck_us = context.now_us();
        change((context, load), event, EventChange::Cancel).await?;
        let window = context.hold(struck_us).await;
        let refused = live.refusals(event, Reason::NotOnSale).saturating_sub(before);
        let left = sales(context, event).await?;
        if settings.delete {
            change((context, load), event, EventChange::Delete).await?;
        }
        let words = format!(
            "the event was cancelled with {} holds and {} bookings; {refused} requests were refused as {} since, {} \
             holds and {} bookings were left",
            sold.holds,
            sold.bookings,
            Reason::NotOnSale.name(),
            left.holds,
            left.bookings
        );
        let is_mid_sale = sold.holds + sold.bookings > 0 && refused > 0;
        Ok(Struck { window, is_seen: is_mid_sale, words })
    }

    /// A cancelled event stays so.
    async fn heal(&self, _context: &Context<'_>) -> anyhow::Result<()> {
        Ok(())
    }
}

/// Changes the event, as an admin, from the version that it has.
async fn change(
    (context, load): (&Context<'_>, &LoadContext),
    event: Uuid,
    change: EventChange,
) -> anyhow::Result<()> {
    let admin = load.target.sign_in(ADMIN, Role::Admin).await?;
    let call = Call { buyer: &admin, event, server: 0, key: None, timeout: ANSWER_MAX };
    let order = Order::ChangeEvent(change, load.target.event_version(&call).await?);
    let origin = Origin { load: &context.fault.name, iteration: 0, intended_us: None };
    let answered = load.send(&call, origin, &order).await;
    if answered.outcome != Outcome::Ok {
        bail!(
            "{} was not to be had, the answer was {}",
            order.kind().name(),
            answered.status.map_or("none".to_owned(), |status| status.to_string())
        );
    }
    Ok(())
}

/// What the event has now.
async fn sales(context: &Context<'_>, event: Uuid) -> anyhow::Result<EventSales> {
    let look = async {
        let mut connection = PgConnection::connect(context.run.stack.database_url()).await?;
        anyhow::Ok(audit::event_sales(&mut connection, event).await?)
    };
    let found = timeout(ANSWER_MAX, look).await.context("PostgreSQL did not answer")?;
    found.context("what the event has can't be read")
}
