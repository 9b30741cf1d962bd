//! Bodies of the payment simulator, which a stack runs and servers speak to.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
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

/// Body of `POST /charges/{payment_id}/refund` at the payment simulator.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RefundRequest {
    /// The refund's own id: one refund is carried out at most once, however often this is sent, and another is another.
    pub refund_id: Uuid,
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

/// A call to the payment simulator, as its ledger keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentCall {
    /// When, by the simulator's clock.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// The server that asked.
    pub server: String,
    /// What was asked.
    pub kind: PaymentCallKind,
    /// The payment.
    pub payment_id: Uuid,
    /// What makes it one call however often it is sent: the payment's id for a charge, the refund's own for a refund.
    pub key: Uuid,
    /// Cents asked for (charge) or sent back (refund).
    pub amount_cents: i64,
    /// What came of it.
    pub outcome: PaymentCallOutcome,
}

/// What the payment simulator was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentCallKind {
    /// To take money.
    Charge,
    /// To send it back.
    Refund,
}

/// What came of a call to the payment simulator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentCallOutcome {
    /// It was carried out: money was taken or sent back.
    Executed,
    /// A charge that was declined: nothing was taken.
    Declined,
    /// The same call was answered before: nothing more happened.
    Repeated,
    /// It can't be: another amount than before, a refund of what was never charged.
    Refused,
}
