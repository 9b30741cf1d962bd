//! What the use cases work with: the stores, the provider, the strategy, and how answers are written.

use std::sync::Arc;
use std::time::Duration;

use super::answer::Render;
use super::guard::Guard;
use super::strategies::Strategy;
use crate::domain::{EventId, Holds};
use crate::entropy::Entropy;
use crate::locks::{AnswerCache, AvailabilityCache};
use crate::payments::PaymentProvider;
use crate::storage::Storage;

/// Everything a use case needs. Shared by all requests of a server.
pub struct Context {
    /// The truth.
    pub storage: Storage,
    /// Answers kept close.
    pub answers: AnswerCache,
    /// Counts kept close.
    pub availability: AvailabilityCache,
    /// Who takes the money.
    pub provider: Arc<dyn PaymentProvider>,
    /// Whether anything may be sold.
    pub guard: Guard,
    /// How claims on seats are serialised.
    pub strategy: Arc<dyn Strategy>,
    /// How answers are written.
    pub render: Render,
    /// Ids and jitter.
    pub entropy: Arc<Entropy>,
    /// Settings.
    pub settings: Settings,
}

/// Settings of the use cases.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What one user may hold of an event at a time.
    pub holds_of_user: Holds,
    /// After this long an `IN_PROGRESS` record counts as left behind; longer than a payment may take.
    pub in_progress_ttl: Duration,
    /// A payment that nobody worked on for this long is taken on by recovery; longer than a charge may take.
    pub recovery_idle: Duration,
}

impl Context {
    /// Tells everybody who keeps a view of these events' seats that some of them were held, sold or freed. Called once
    /// the change is committed, and only where one was made: a refusal and a replayed answer change nothing.
    pub async fn seats_changed(&self, events: &[EventId]) {
        self.availability.forget(events).await;
    }
}
