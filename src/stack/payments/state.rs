//! What the payment simulator remembers and how it is to behave. Knows no HTTP.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rand_chacha::ChaCha8Rng;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::behaviour::PaymentBehaviour;
use super::ledger::Ledger;

/// Tells that money was taken and that the server does not know it yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CapturedCharge {
    /// The payment.
    pub payment_id: Uuid,
}

/// What every request reads and changes.
#[derive(Debug)]
pub struct State {
    pub ledger: Ledger,
    pub behaviour: PaymentBehaviour,
    pub random: ChaCha8Rng,
    /// Payments that a charge was ever asked for, also where nothing has come of it yet.
    pub asked: HashSet<Uuid>,
    /// By server name.
    pub traps: HashMap<String, oneshot::Sender<CapturedCharge>>,
}

/// No code that can panic runs under this lock, so a poisoned one still holds a whole state.
pub fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
