//! Whether the guard index stands, as this server last saw it. A sale asks for itself, in its own statement; this is what
//! keeps a server from taking orders, and money, that it could not serve.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::storage::{Storage, StorageError, guard_index};

/// What a server knows of the guard index.
#[derive(Debug)]
pub struct Guard {
    needed: bool,
    written_down: AtomicBool,
    gone: AtomicBool,
}

impl Guard {
    /// For a server that counts on the index.
    pub fn needed() -> Self {
        Self::new(true)
    }

    /// For a server that does or doesn't count on it: a strategy without protection doesn't.
    pub fn new(needed: bool) -> Self {
        let (written_down, gone) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { needed, written_down, gone }
    }

    /// Refuses to go on where the index was gone when it was last looked at.
    pub fn check(&self) -> Result<(), StorageError> {
        if self.gone.load(Ordering::Relaxed) { Err(StorageError::Unguarded) } else { Ok(()) }
    }

    /// Keeps that a sale was refused because the index is gone.
    pub fn missed(&self) {
        self.saw(false);
    }

    /// Looks whether the index stands, and the first time it does writes down that this server counts on it. Always so for a
    /// server that doesn't need it.
    pub async fn look(&self, storage: &Storage) -> Result<bool, StorageError> {
        if !self.needed {
            return Ok(true);
        }
        let stands = if self.written_down.load(Ordering::Relaxed) {
            guard_index::stands(&mut *storage.connection().await?).await?
        } else {
            let stands = guard_index::count_on(storage).await?;
            self.written_down.store(stands, Ordering::Relaxed);
            stands
        };
        self.saw(stands);
        Ok(stands)
    }

    fn saw(&self, stands: bool) {
        let was_gone = self.gone.swap(!stands, Ordering::Relaxed);
        if !stands && !was_gone {
            tracing::error!(cause = %StorageError::Unguarded, "this server stops selling");
        } else if stands && was_gone {
            tracing::info!("the guard index is back, this server sells again");
        }
    }
}
