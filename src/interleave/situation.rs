//! What stands before an order, and what its sessions ask for then.

use std::time::Duration;

use anyhow::{Context as _, bail};
use uuid::Uuid;

use super::case::{Case, Keys, Operation};
use super::lane::{Lane, STUCK_AFTER};
use crate::harness::recorder::{self, Epoch, Outcome, Role};
use crate::harness::targets::order::{Confirm, Hold};
use crate::harness::targets::{Booked, BookingApi, Buyer, Call, EventChange, Held, Order, Wanted};
use crate::harness::workloads::record::{self, Origin};

/// How long holds are asked for: longer than any order takes, and shorter than the time that passes.
const HOLD_TTL: Duration = Duration::from_mins(2);
/// Payment method of every order.
const CARD: &str = "card";
/// Whose the hold is that stands before, among the order's users.
pub const HOLDER: u64 = 100;
/// Whose the booking is that stands before.
pub const OWNER: u64 = 101;

/// What stands before an order.
pub struct Situation {
    /// What was asked for to make it.
    pub history: Vec<recorder::Operation>,
    /// The order's number, which makes its users and keys.
    number: u64,
    held: Option<(Buyer, Held)>,
    booked: Option<(Buyer, Booked)>,
}

/// A request of a session.
pub struct Request {
    /// Who asks.
    pub buyer: Buyer,
    /// Under which key.
    pub key: Option<String>,
    /// For what.
    pub order: Order,
}

impl Situation {
    /// Makes it, by requests that nobody holds back.
    ///
    /// # Errors
    /// One of them was refused.
    pub async fn make(
        lane: &Lane,
        case: &Case,
        (number, epoch): (u64, Epoch),
    ) -> anyhow::Result<Self> {
        let mut situation = Self { history: Vec::new(), number, held: None, booked: None };
        if case.needs_hold() {
            let owner = lane.target.sign_in(situation.user(HOLDER), Role::Customer).await?;
            let held = situation.hold(lane, (&owner, epoch), &lane.seats[..2]).await?;
            situation.held = Some((owner, held));
        }
        if case.needs_booking() {
            let owner = lane.target.sign_in(situation.user(OWNER), Role::Customer).await?;
            let held = situation.hold(lane, (&owner, epoch), &lane.seats[2..]).await?;
            let order = Order::Confirm(Confirm { held: held.clone(), payment_method: CARD });
            let sold = situation.ask(lane, (&owner, epoch), &order).await?;
            let told = sold.told.first().context("a sale tells of no booking")?;
            let booked = Booked {
                booking: told.booking.context("a sale names no booking")?,
                reservation: held.reservation,
                seats: held.seats,
                reference: told.reference.clone().unwrap_or_default(),
                tickets: told.tickets.clone(),
            };
            situation.booked = Some((owner, booked));
        }
        Ok(situation)
    }

    fn user(&self, place: u64) -> Uuid {
        Uuid::from_u64_pair(self.number, place)
    }

    async fn hold(
        &mut self,
        lane: &Lane,
        who: (&Buyer, Epoch),
        seats: &[i64],
    ) -> anyhow::Result<Held> {
        let order = Order::Hold(Hold { wanted: Wanted::Seats(seats.to_vec()), ttl: HOLD_TTL });
        let held = self.ask(lane, who, &order).await?;
        let reservation = held.reservation.context("a hold names no reservation")?;
        Ok(Held { reservation, seats: seats.to_vec() })
    }

    /// Sends a request that has to succeed.
    async fn ask(
        &mut self,
        lane: &Lane,
        (owner, epoch): (&Buyer, Epoch),
        order: &Order,
    ) -> anyhow::Result<recorder::Operation> {
        let what = order.kind().name();
        let key = format!("before-{what}-{}", owner.id);
        let call = Call {
            buyer: owner,
            event: lane.event,
            server: 0,
            key: Some(&key),
            timeout: STUCK_AFTER,
        };
        let operation = exchange(&*lane.target, &call, order, epoch).await;
        if operation.outcome != Outcome::Ok {
            bail!("what should stand before can't be made: {what}: {}", operation.detail);
        }
        self.history.push(operation.clone());
        Ok(operation)
    }

    /// What a session sends; nothing where it is a job.
    ///
    /// # Errors
    /// What it is about doesn't stand before.
    pub async fn request(
        &self,
        lane: &Lane,
        case: &Case,
        place: usize,
    ) -> anyhow::Result<Option<Request>> {
        // Copies of one request have the first one's user and key.
        let copied = if case.keys == Keys::Shared && place == 1 { 0 } else { place };
        let operation = case.operations[place];
        let own = self.user(copied as u64);
        let key = Some(format!("{}-{copied}", operation.name()));
        let held = || self.held.clone().context("no hold stands before");
        let (buyer, key, order) = match operation {
            Operation::Hold => {
                let wanted = Wanted::Seats(lane.seats[1..3].to_vec());
                let buyer = lane.target.sign_in(own, Role::Customer).await?;
                (buyer, key, Order::Hold(Hold { wanted, ttl: HOLD_TTL }))
            }
            Operation::Confirm => {
                let (owner, held) = held()?;
                (owner, key, Order::Confirm(Confirm { held, payment_method: CARD }))
            }
            Operation::Cancel => (held()?.0, None, Order::Cancel(held()?.1)),
            Operation::Extend => (held()?.0, None, Order::Extend(held()?.1)),
            Operation::CancelBooking => {
                let (owner, booked) = self.booked.clone().context("no booking stands before")?;
                (owner, None, Order::CancelBooking(booked))
            }
            Operation::CancelEvent => {
                let admin = lane.target.sign_in(own, Role::Admin).await?;
                (admin, None, Order::ChangeEvent(EventChange::Cancel, "\"1\"".to_owned()))
            }
            Operation::Expire => return Ok(None),
        };
        Ok(Some(Request { buyer, key, order }))
    }
}

/// Sends a request, and says what came of it as the record of a run does.
pub async fn exchange(
    target: &dyn BookingApi,
    call: &Call<'_>,
    order: &Order,
    epoch: Epoch,
) -> recorder::Operation {
    let origin = Origin { load: "interleave", iteration: call.server as u64, intended_us: None };
    let server = &target.servers()[call.server].name;
    let mut operation = record::asked(call, origin, order, (server, epoch.now_us()));
    let answer = record::exchange(target, call, order).await;
    operation.completed_us = epoch.now_us();
    record::take_in(&mut operation, answer);
    operation
}
