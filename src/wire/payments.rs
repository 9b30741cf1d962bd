//! Bodies of the payment simulator, which a stack runs and servers speak to.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Body of `POST /charges` at the payment simulator. Answer: 200 [`Charge`] or 402 [`Charge`] when declined.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ChargeRequest {
    /// The payment's id: one payment is charged at most once, however often this is sent.
    pub payment_id: Uuid,
    /// Amount in cents, positive.
    pub amount_cents: i64,
    /// Token of the payment method.
    pub payment_method: String,
}

/// `GET /charges/{payment_id}` (404 when never seen), `POST /charges`, `POST /charges/{payment_id}/refund`
/// and items of `GET /charges` at the payment simulator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// The payment's id.
    pub payment_id: Uuid,
    /// Amount in cents.
    pub amount_cents: i64,
    /// Where it stands.
    pub state: ChargeState,
}

/// Where a charge stands at the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChargeState {
    /// Money taken.
    Captured,
    /// Refused, nothing taken.
    Declined,
    /// Taken and refunded, whole.
    Refunded,
}
