//! Which payment provider, and what an operator's command needs to finish payments by itself.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::builder::{PossibleValue, PossibleValuesParser};

use super::BadInput;
use super::shared::{http_url, positive_duration};
use crate::api::render;
use crate::booking::context::WhenLocksUnreachable;
use crate::booking::{Context, Settings, strategies};
use crate::entropy::Entropy;
use crate::locks::{AnswerCache, AvailabilityCache, Node, Redlock, RedlockSettings};
use crate::payments::{PROVIDERS, PaymentProvider, ProviderSettings};
use crate::storage::Storage;

/// Which provider takes the money, and how long to wait for it.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Payments")]
pub struct PaymentArgs {
    /// Payment provider.
    #[arg(long = "payments", env = "PAYMENTS", default_value = "mock", value_name = "PROVIDER",
          value_parser = PossibleValuesParser::new(PROVIDERS.iter().map(|provider| PossibleValue::new(provider.name).help(provider.summary))))]
    pub provider: String,
    /// Where the provider is, for those that are somewhere.
    #[arg(long = "payments-url", env = "PAYMENTS_URL", value_name = "URL", value_parser = http_url)]
    pub url: Option<reqwest::Url>,
    /// How long a call to the provider may take before its outcome counts as unknown.
    #[arg(long = "payment-timeout", env = "PAYMENT_TIMEOUT", default_value = "5s", value_parser = positive_duration)]
    pub timeout: Duration,
    /// A payment that nobody worked on for this long is taken on by recovery; longer than --payment-timeout.
    #[arg(long, env = "RECOVERY_IDLE", default_value = "10s", value_parser = positive_duration)]
    pub recovery_idle: Duration,
}

impl PaymentArgs {
    /// The provider, ready to be asked.
    ///
    /// # Errors
    /// Settings that it can't be used with.
    pub fn open(&self) -> anyhow::Result<Arc<dyn PaymentProvider>> {
        if self.recovery_idle <= self.timeout {
            let message = "RECOVERY_IDLE must be longer than PAYMENT_TIMEOUT";
            return Err(BadInput(message.to_owned()).into());
        }
        let entry = PROVIDERS.iter().find(|provider| provider.name == self.provider);
        let entry = entry.context("clap lets only known providers through")?;
        let settings = ProviderSettings {
            url: self.url.as_ref().map(reqwest::Url::to_string),
            timeout: self.timeout,
        };
        Ok(entry.open(&settings).map_err(|error| BadInput(error.to_string()))?)
    }

    /// What the use cases settle with.
    pub fn settings(&self, when_locks_unreachable: WhenLocksUnreachable) -> Settings {
        Settings {
            when_locks_unreachable,
            in_progress_ttl: self.recovery_idle * 2,
            recovery_idle: self.recovery_idle,
        }
    }

    /// A context for finishing payments, without locks or caches: what it does is decided by the database alone.
    ///
    /// # Errors
    /// A provider whose ledger is in the servers' memory knows nothing of their payments here.
    pub fn context(&self, storage: Storage) -> anyhow::Result<Context> {
        if self.provider == "mock" {
            let message = "the mock's ledger is in the memory of the server that charged, name its real provider with --payments";
            return Err(BadInput(message.to_owned()).into());
        }
        let nodes: Arc<[Node]> = Arc::from([]);
        let locks = RedlockSettings {
            ttl: Duration::from_secs(5),
            drift_factor: 0.01,
            retry_count: 0,
            retry_delay: Duration::from_millis(1),
        };
        Ok(Context {
            storage,
            locks: Redlock::new(Arc::clone(&nodes), locks),
            answers: AnswerCache::new(Arc::clone(&nodes)),
            availability: AvailabilityCache::new(nodes),
            provider: self.open()?,
            strategy: strategies::find("row_lock").context("row_lock is a strategy")?,
            render: render::RENDER,
            entropy: Entropy::from_os(),
            settings: self.settings(WhenLocksUnreachable::Degrade),
        })
    }
}
