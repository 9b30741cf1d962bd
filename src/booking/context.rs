//! What the use cases work with: the stores, the provider, the strategy, and how answers are written.

use std::sync::Arc;
use std::time::Duration;

use super::strategies::Strategy;
use crate::domain::{Booking, Refusal, Reservation, StoredResponse};
use crate::entropy::Entropy;
use crate::locks::{AnswerCache, AvailabilityCache, Redlock};
use crate::payments::PaymentProvider;
use crate::storage::Storage;

/// Everything a use case needs. Shared by all requests of a server.
pub struct Context {
    /// The truth.
    pub storage: Storage,
    /// Leases, for strategies that take them.
    pub locks: Redlock,
    /// Answers kept close.
    pub answers: AnswerCache,
    /// Counts kept close.
    pub availability: AvailabilityCache,
    /// Who takes the money.
    pub provider: Arc<dyn PaymentProvider>,
    /// How claims on seats are serialised.
    pub strategy: &'static dyn Strategy,
    /// How answers are written.
    pub render: Render,
    /// Ids and jitter.
    pub entropy: Entropy,
    /// Settings.
    pub settings: Settings,
}

/// Settings of the use cases.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What happens to claims when no majority of lock nodes answers.
    pub when_locks_unreachable: WhenLocksUnreachable,
    /// After this long an `IN_PROGRESS` record counts as left behind; longer than a payment may take.
    pub in_progress_ttl: Duration,
    /// A payment that nobody worked on for this long is taken on by recovery; longer than a charge may take.
    pub recovery_idle: Duration,
}

/// What happens to claims when no majority of lock nodes answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum WhenLocksUnreachable {
    /// Go on without: the database still lets only one of them win.
    Degrade,
    /// Refuse with 503.
    Refuse,
}

/// How answers are written. They are rendered inside the transaction that makes them true, and stored with it.
#[derive(Debug, Clone, Copy)]
pub struct Render {
    /// The answer to a successful hold.
    pub reservation: fn(&Reservation) -> StoredResponse,
    /// The answer to a successful confirmation.
    pub booking: fn(&Booking) -> StoredResponse,
    /// The answer to a refusal that is stored.
    pub refusal: fn(&Refusal) -> StoredResponse,
}

/// An answer, and whether it was given before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The answer.
    pub response: StoredResponse,
    /// It is repeated, byte for byte.
    pub replayed: bool,
}

impl Answer {
    /// An answer given for the first time.
    pub fn new(response: StoredResponse) -> Self {
        Self { response, replayed: false }
    }

    /// An answer given again.
    pub fn replayed(response: StoredResponse) -> Self {
        Self { response, replayed: true }
    }
}
