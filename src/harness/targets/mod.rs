//! Booking APIs that a run can be aimed at, each behind the one trait that load, settling and faults speak to. To add a
//! target: a new file, its `mod` line, a line in `TARGETS`.

/// What is asked of a target.
pub mod order;
/// What it answers.
pub mod answer;
/// Our own servers.
mod ticketctl;

use std::sync::Arc;

use anyhow::Context as _;
use async_trait::async_trait;
use uuid::Uuid;

use super::plan::EvidenceKind;
use super::recorder::{OpKind, Role};

pub use answer::{Answer, KeyFate, Refused, Said};
pub use order::{Booked, Buyer, Call, EventChange, Held, Order, Page, Read, Ticket, Wanted};

/// Name of our own servers in the table.
pub const OURS: &str = "ticketctl";

/// Every target.
pub const TARGETS: &[TargetEntry] = &[ticketctl::TARGET];

/// A line of the table.
#[derive(Debug)]
pub struct TargetEntry {
    /// Its name.
    pub name: &'static str,
    /// One line for `chaos list`.
    pub summary: &'static str,
    /// Makes a client of the servers that are reached there.
    pub open: fn(Access) -> anyhow::Result<Arc<dyn BookingApi>>,
}

/// How a target is reached.
#[derive(Debug, Clone)]
pub struct Access {
    /// The servers, at least one.
    pub servers: Vec<Server>,
    /// What they verify access tokens with.
    pub token_secret: Vec<u8>,
}

/// A server as the load reaches it.
#[derive(Debug, Clone)]
pub struct Server {
    /// `server-1` ….
    pub name: String,
    /// `http://127.0.0.1:8080`, or the proxy in front of it.
    pub base_url: String,
}

/// What a buyer can do, one function an operation; each waits for one answer and never sends anything twice: whether to
/// ask again is the caller's business. Knows nothing of loads and of what is recorded.
#[async_trait]
pub trait BookingApi: std::fmt::Debug + Send + Sync {
    /// The servers, in order, at least one.
    fn servers(&self) -> &[Server];

    /// What a run against it can be judged from.
    fn evidence(&self) -> &'static [EvidenceKind];

    /// Makes this user known and what proves it.
    async fn sign_in(&self, user: Uuid, role: Role) -> anyhow::Result<Buyer>;

    /// The event's seats, neighbours next to each other.
    async fn seats(&self, event: Uuid) -> anyhow::Result<Vec<i64>>;

    /// Holds seats.
    async fn hold(&self, call: &Call<'_>, hold: &order::Hold) -> Answer;

    /// Pays for the seats held.
    async fn confirm(&self, call: &Call<'_>, confirm: &order::Confirm) -> Answer;

    /// Holds and pays in one step.
    async fn book(&self, call: &Call<'_>, book: &order::Book) -> Answer;

    /// Cancels a hold. Carries no key: repeating it changes nothing.
    async fn cancel(&self, call: &Call<'_>, held: &Held) -> Answer;

    /// Keeps a hold for longer. Carries no key.
    async fn extend(&self, call: &Call<'_>, held: &Held) -> Answer;

    /// Cancels a booking. Carries no key: repeating it changes nothing.
    async fn cancel_booking(&self, call: &Call<'_>, booked: &Booked) -> Answer;

    /// Lets the ticket's bearer in. The buyer has to be an admin.
    async fn check_in(&self, call: &Call<'_>, ticket: &Ticket) -> Answer;

    /// Reads what there is to see, and changes nothing.
    async fn read(&self, call: &Call<'_>, read: &Read) -> Answer;

    /// The event's version, which a change of it has to name.
    async fn event_version(&self, call: &Call<'_>) -> anyhow::Result<String>;

    /// Changes an event that still has this version. The buyer has to be an admin.
    async fn change_event(&self, call: &Call<'_>, change: &EventChange, version: &str) -> Answer;

    /// What became of the buyer's key, which was sent with an operation of this kind.
    ///
    /// # Errors
    /// Nothing was learnt.
    async fn read_key(&self, call: &Call<'_>, kind: OpKind, key: &str) -> anyhow::Result<KeyFate>;
}

/// The target of this name, reached there.
///
/// # Errors
/// There is none of this name, or it can't be set up.
pub fn open(name: &str, access: Access) -> anyhow::Result<Arc<dyn BookingApi>> {
    let entry = TARGETS.iter().find(|target| target.name == name);
    (entry.with_context(|| format!("there is no target \"{name}\""))?.open)(access)
}
