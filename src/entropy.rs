//! The only source of randomness in the server: seeded, and handed to whoever needs it.

use std::sync::{Mutex, PoisonError};

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha20Rng;
use uuid::Uuid;

/// A cryptographic generator behind a lock held for nanoseconds.
#[derive(Debug)]
pub struct Entropy(Mutex<ChaCha20Rng>);

impl Entropy {
    /// Unpredictable: seeded by the operating system. What a server uses.
    pub fn from_os() -> Self {
        Self(Mutex::new(ChaCha20Rng::from_os_rng()))
    }

    /// Repeatable: for tests.
    #[cfg(test)]
    pub fn from_seed(seed: u64) -> Self {
        Self(Mutex::new(ChaCha20Rng::seed_from_u64(seed)))
    }

    /// A random UUID (version 4).
    pub fn uuid(&self) -> Uuid {
        uuid::Builder::from_random_bytes(self.bits().to_le_bytes()).into_uuid()
    }

    /// 128 random bits.
    pub fn bits(&self) -> u128 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).random()
    }

    /// 256 random bits: what a secret is made of.
    pub fn secret(&self) -> [u8; 32] {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).random()
    }

    /// A number in 0..1.
    pub fn fraction(&self) -> f64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).random()
    }
}
