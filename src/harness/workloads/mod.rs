//! What buyers do. To add a workload: a new file, its `mod` line, a line in `WORKLOADS`.

/// Everybody wants the same seat.
pub mod hot_seat;
/// Seats, a hold, perhaps a payment.
pub mod checkout;
/// Every request many times over.
pub mod retry_storm;
/// Fewer and fewer tickets without a place.
pub mod last_tickets;
/// The same few seats bought, cancelled and bought again.
pub mod cancel_rebook;
/// Payments at the very end of a hold.
pub mod expiry_edge;
/// Few buyers after more tickets than they may have.
pub mod limit_rush;
/// Several seats at once.
pub mod group_order;
/// Everything that there is to see.
pub mod reader;
/// A second card.
pub mod declined_card;
/// Holds kept for longer.
pub mod hold_extension;
/// Holds that have ended.
pub mod late_payment;
/// What is given up and cancelled, more than once.
pub mod second_thoughts;
/// Changes of an event at once.
pub mod desk;
/// Visitors who come when nothing is sold any more.
pub mod doors_open;
/// Tickets at the door.
pub mod check_in;
/// Requests again after their answers.
pub mod reload;
/// What is another's.
pub mod intrusion;
/// More holds than one may have.
pub mod hoarding;
/// A setting of most of them: how many seats an order is for.
pub mod seats_per_order;
/// Which inventory a workload can't work with.
mod requirements;
/// What buyers make of answers.
mod order;
/// Sending, and putting on record.
pub mod record;
/// What one iteration has at hand.
mod iteration;
/// What a buyer asks for.
mod buying;
/// What the iterations of a run share.
mod context;
/// What the buyers know about the seats.
mod seat_map;

use anyhow::Context as _;
use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::harness::parsing::Section;
use crate::harness::plan::{Inventory, Settings, WorkloadChoice};

pub use context::LoadContext;
pub use iteration::Iteration;
pub use record::Origin;
pub use seat_map::SeatMap;
pub use seats_per_order::SeatsPerOrder;

/// Every workload.
pub const WORKLOADS: &[WorkloadEntry] = &[
    entry::<hot_seat::HotSeat>(),
    entry::<checkout::Checkout>(),
    entry::<retry_storm::RetryStorm>(),
    entry::<last_tickets::LastTickets>(),
    entry::<cancel_rebook::CancelRebook>(),
    entry::<expiry_edge::ExpiryEdge>(),
    entry::<limit_rush::LimitRush>(),
    entry::<group_order::GroupOrder>(),
    entry::<reader::Reader>(),
    entry::<declined_card::DeclinedCard>(),
    entry::<hold_extension::HoldExtension>(),
    entry::<late_payment::LatePayment>(),
    entry::<second_thoughts::SecondThoughts>(),
    entry::<check_in::CheckIn>(),
    entry::<reload::Reload>(),
    entry::<intrusion::Intrusion>(),
    entry::<hoarding::Hoarding>(),
    entry::<desk::Desk>(),
    entry::<doors_open::DoorsOpen>(),
];

/// What a buyer does in one iteration, with its settings: what it is serialised to is what the plan keeps of it.
#[async_trait]
pub trait Workload: Send + Sync {
    /// Its name, as scenarios write it.
    fn name() -> &'static str
    where
        Self: Sized;

    /// One line for `chaos list`.
    fn summary() -> &'static str
    where
        Self: Sized;

    /// Why it can't work with this inventory, and what to write instead, to be put after its name; none where it can.
    fn unmet_requirement(_inventory: &Inventory) -> Option<&'static str>
    where
        Self: Sized,
    {
        None
    }

    /// Whether it is in the background of scenarios that don't say who is.
    fn in_background() -> bool
    where
        Self: Sized,
    {
        false
    }

    /// Reads its settings from a load's table, refusing what it can't work with; worth nothing where it refused any.
    fn read(section: &mut Section<'_>) -> Self
    where
        Self: Sized;

    /// One buyer, from the first request to the last. Every request is recorded on the way.
    async fn iterate(&self, iteration: &mut Iteration);
}

/// A line of the table.
pub struct WorkloadEntry {
    name: fn() -> &'static str,
    summary: fn() -> &'static str,
    unmet_requirement: fn(&Inventory) -> Option<&'static str>,
    in_background: fn() -> bool,
    read: fn(&mut Section<'_>) -> Settings,
    open: fn(&Settings) -> anyhow::Result<Box<dyn Workload>>,
}

const fn entry<W: Workload + Serialize + DeserializeOwned + 'static>() -> WorkloadEntry {
    WorkloadEntry {
        name: W::name,
        summary: W::summary,
        unmet_requirement: W::unmet_requirement,
        in_background: W::in_background,
        read: |section| Settings::of(&W::read(section)),
        open: |settings| Ok(Box::new(settings.owner::<W>()?)),
    }
}

impl WorkloadEntry {
    /// Its name, as scenarios write it.
    pub fn name(&self) -> &'static str {
        (self.name)()
    }

    /// One line for `chaos list`.
    pub fn summary(&self) -> &'static str {
        (self.summary)()
    }

    /// Why it can't work with this inventory, to be put after its name.
    pub fn unmet_requirement(&self, inventory: &Inventory) -> Option<&'static str> {
        (self.unmet_requirement)(inventory)
    }

    /// Whether it is in the background of scenarios that don't say who is.
    pub fn in_background(&self) -> bool {
        (self.in_background)()
    }

    /// Reads its settings from a load's table.
    pub fn read(&self, section: &mut Section<'_>) -> WorkloadChoice {
        WorkloadChoice { name: self.name().to_owned(), settings: (self.read)(section) }
    }
}

/// Every workload's name.
pub fn names() -> Vec<&'static str> {
    WORKLOADS.iter().map(WorkloadEntry::name).collect()
}

/// Those in the background of scenarios that don't say who is.
pub fn in_background() -> impl Iterator<Item = &'static WorkloadEntry> {
    WORKLOADS.iter().filter(|workload| workload.in_background())
}

/// The workload of this name.
pub fn find(name: &str) -> Option<&'static WorkloadEntry> {
    WORKLOADS.iter().find(|workload| workload.name() == name)
}

/// The workload that a plan names, as it is set there.
///
/// # Errors
/// There is none of this name, or it can't read these settings.
pub fn open(choice: &WorkloadChoice) -> anyhow::Result<Box<dyn Workload>> {
    let name = &choice.name;
    let entry = find(name).with_context(|| format!("there is no workload \"{name}\""))?;
    (entry.open)(&choice.settings).with_context(|| format!("workload \"{name}\""))
}

/// What a plan keeps of this workload.
pub fn choose<W: Workload + Serialize>(workload: &W) -> WorkloadChoice {
    WorkloadChoice { name: W::name().to_owned(), settings: Settings::of(workload) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{WORKLOADS, names};

    #[test]
    fn every_workload_has_a_name_of_its_own_and_says_what_it_does() {
        assert_eq!(names().into_iter().collect::<BTreeSet<_>>().len(), WORKLOADS.len());
        assert!(WORKLOADS.iter().all(|workload| !workload.summary().is_empty()));
    }
}
