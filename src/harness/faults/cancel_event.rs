//! Cancels an event in the middle of its sale, as its organizer would. Knows nothing of how a server does that.

use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use sqlx::{Connection as _, PgConnection};
use tokio::time::timeout;
use uuid::Uuid;

use super::scene::Scene;
use super::{Bite, Fault, Strikes};
use crate::harness::client::Call;
use crate::harness::recorder::Outcome;
use crate::harness::workloads::iteration::note;
use crate::storage::audit::{self, EventSales};
use crate::wire::Reason;

/// The admin who does it: nobody else in a run has this id.
const ADMIN: Uuid = Uuid::from_u128(0xad_u128);
/// How long the server may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// PATCH to `cancelled`, once and for good.
pub struct CancelEvent;

#[async_trait]
impl Fault for CancelEvent {
    fn name(&self) -> &'static str {
        "cancel-event"
    }

    fn summary(&self) -> &'static str {
        "cancels an event for good, in the middle of its sale"
    }

    fn strikes(&self) -> Strikes {
        Strikes::Events
    }

    /// It bit when there was something to refund and somebody came too late for more.
    async fn strike(&self, scene: &Scene<'_>) -> anyhow::Result<Bite> {
        let (site, event) = scene.event()?;
        let live = scene.world.live;
        let sold = sales(scene, event).await?;
        let before = live.refusals(Reason::NotOnSale);
        let admin = site.tokens.admin(ADMIN)?;
        let call = Call {
            buyer: &admin,
            load: &scene.fault.name,
            iteration: 0,
            event,
            server: 0,
            key: None,
            intended_us: None,
            timeout: ANSWER_WITHIN,
        };
        let reply = site.client.cancel_event(&call).await?;
        let (outcome, status) = (reply.operation.outcome, reply.operation.status);
        live.started(call.server, reply.operation.op);
        note(site, call.server, reply).await;
        if outcome != Outcome::Ok {
            return Ok(Bite::Missed(format!(
                "the event could not be cancelled, the answer was {}",
                status.map_or("none".to_owned(), |status| status.to_string())
            )));
        }
        scene.hold().await;
        let refused = live.refusals(Reason::NotOnSale).saturating_sub(before);
        let left = sales(scene, event).await?;
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
        Ok(if is_mid_sale { Bite::Bit(words) } else { Bite::Missed(words) })
    }

    /// A cancelled event stays so.
    async fn heal(&self, _scene: &Scene<'_>) -> anyhow::Result<()> {
        Ok(())
    }
}

/// What the event has at this moment.
async fn sales(scene: &Scene<'_>, event: Uuid) -> anyhow::Result<EventSales> {
    let look = async {
        let mut connection = PgConnection::connect(scene.world.stack.database_url()).await?;
        anyhow::Ok(audit::event_sales(&mut connection, event).await?)
    };
    let found = timeout(ANSWER_WITHIN, look).await.context("PostgreSQL did not answer")?;
    found.context("what the event has can't be read")
}
