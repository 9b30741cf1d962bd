//! The stack's payment provider, over HTTP: it outlives the servers, keeps the ledger they are judged by, and misbehaves
//! when asked to.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Client, Response, StatusCode};

use super::{
    ChargeOutcome, Ledger, LookUpOutcome, PaymentProvider, ProviderEntry, ProviderError,
    ProviderSettings, RefundOutcome,
};
use crate::domain::{Cents, PaymentId, RefundId};
use crate::wire;

const NAME: &str = "simulator";
/// Connections kept open for the next charge.
const IDLE_CONNECTIONS_MAX: usize = 32;

/// The table's line.
pub const ENTRY: ProviderEntry = ProviderEntry {
    name: NAME,
    summary: "the provider that a stack runs, at PAYMENTS_URL",
    ledger: Ledger::External,
    open: |settings| Ok(Arc::new(Simulator::open(settings)?)),
};

/// A client of the simulator.
#[derive(Debug)]
pub struct Simulator {
    client: Client,
    url: String,
}

impl Simulator {
    fn open(settings: &ProviderSettings) -> Result<Self, ProviderError> {
        let refuse = |reason: String| ProviderError { provider: NAME, reason };
        let url = settings.url.as_ref().ok_or_else(|| refuse("set PAYMENTS_URL".to_owned()))?;
        let client = Client::builder()
            .timeout(settings.timeout)
            .connect_timeout(settings.timeout.min(Duration::from_secs(2)))
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .no_proxy()
            .build()
            .map_err(|error| refuse(error.to_string()))?;
        Ok(Self { client, url: url.trim_end_matches('/').to_owned() })
    }
}

async fn state_of(response: Response) -> Result<wire::ChargeState, String> {
    response
        .json::<wire::Charge>()
        .await
        .map(|charge| charge.state)
        .map_err(|error| error.to_string())
}

#[async_trait]
impl PaymentProvider for Simulator {
    async fn charge(&self, payment: PaymentId, amount: Cents, method: &str) -> ChargeOutcome {
        let body = wire::ChargeRequest {
            payment_id: payment.0,
            amount_cents: amount.get(),
            payment_method: method.to_owned(),
        };
        match self.client.post(format!("{}/charges", self.url)).json(&body).send().await {
            Ok(response)
                if matches!(response.status(), StatusCode::OK | StatusCode::PAYMENT_REQUIRED) =>
            {
                match state_of(response).await {
                    Ok(wire::ChargeState::Captured) => ChargeOutcome::Captured,
                    Ok(wire::ChargeState::Declined | wire::ChargeState::Refunded) => {
                        ChargeOutcome::Declined
                    }
                    Err(reason) => ChargeOutcome::Unknown(reason),
                }
            }
            Ok(response) => {
                ChargeOutcome::Unknown(format!("the provider answered {}", response.status()))
            }
            Err(error) => ChargeOutcome::Unknown(error.to_string()),
        }
    }

    async fn refund(&self, payment: PaymentId, refund: RefundId) -> RefundOutcome {
        let url = format!("{}/charges/{}/refund", self.url, payment.0);
        let body = wire::RefundRequest { refund_id: refund.0 };
        match self.client.post(url).json(&body).send().await {
            Ok(response) if response.status() == StatusCode::OK => RefundOutcome::Refunded,
            Ok(response) => {
                RefundOutcome::Unknown(format!("the provider answered {}", response.status()))
            }
            Err(error) => RefundOutcome::Unknown(error.to_string()),
        }
    }

    async fn look_up(&self, payment: PaymentId) -> LookUpOutcome {
        match self.client.get(format!("{}/charges/{}", self.url, payment.0)).send().await {
            Ok(response) if response.status() == StatusCode::NOT_FOUND => LookUpOutcome::NeverSeen,
            Ok(response) if response.status() == StatusCode::OK => match state_of(response).await {
                Ok(wire::ChargeState::Captured) => LookUpOutcome::Captured,
                Ok(wire::ChargeState::Declined | wire::ChargeState::Refunded) => {
                    LookUpOutcome::NotCharged
                }
                Err(reason) => LookUpOutcome::Unknown(reason),
            },
            Ok(response) => {
                LookUpOutcome::Unknown(format!("the provider answered {}", response.status()))
            }
            Err(error) => LookUpOutcome::Unknown(error.to_string()),
        }
    }
}
