//! Which payment provider, and how long to wait for it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::builder::{PossibleValue, PossibleValuesParser};

use super::bad_input::BadInput;
use super::shared::{http_url, positive_duration};
use crate::booking::Settings;
use crate::domain::Holds;
use crate::payments::{self, Ledger, PROVIDERS, PaymentProvider, ProviderEntry, ProviderSettings};

/// Which provider takes the money, and how long to wait for it.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Payments")]
pub struct PaymentArgs {
    /// Payment provider.
    #[arg(long = "payments", env = "PAYMENTS", default_value = payments::DEFAULT.name, value_name = "PROVIDER",
          value_parser = PossibleValuesParser::new(PROVIDERS.iter().map(|provider| PossibleValue::new(provider.name).help(provider.summary))))]
    pub provider: String,
    /// URL of the provider, for those that are reached over HTTP.
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
        let settings = ProviderSettings {
            url: self.url.as_ref().map(reqwest::Url::to_string),
            timeout: self.timeout,
        };
        Ok(self.entry()?.open(&settings).map_err(|error| BadInput(error.to_string()))?)
    }

    /// The provider, for a command that finishes what servers began.
    ///
    /// # Errors
    /// A provider whose ledger is in the servers' memory knows nothing of their payments here.
    pub fn open_for_command(&self) -> anyhow::Result<Arc<dyn PaymentProvider>> {
        let entry = self.entry()?;
        if entry.ledger == Ledger::InProcess {
            let message = format!(
                "the ledger of {} is in the memory of the server that charged, name its real provider with --payments",
                entry.name
            );
            return Err(BadInput(message).into());
        }
        self.open()
    }

    fn entry(&self) -> anyhow::Result<&'static ProviderEntry> {
        payments::find(&self.provider).context("clap lets only known providers through")
    }
}

/// The settings of the use cases, by the time after which recovery takes a payment on.
pub fn settings(recovery_idle: Duration, holds_of_user: Holds) -> Settings {
    let in_progress_ttl = recovery_idle.saturating_mul(2);
    Settings { holds_of_user, in_progress_ttl, recovery_idle }
}
