//! What the control API's handlers work with; knows neither HTTP nor what a change does.
//!
//! A change runs to completion in a task of its own: a caller that hangs up, or that waited long enough, leaves nothing half
//! done.

use std::sync::Arc;

use tokio_util::task::TaskTracker;

use crate::toxiproxy::error::Error;
use crate::toxiproxy::registry::Registry;

/// The proxies, and the changes to them that are under way.
#[derive(Clone)]
pub struct Context {
    pub registry: Arc<Registry>,
    /// Changes that have yet to end.
    pub changes: TaskTracker,
}

impl Context {
    pub fn new(registry: Arc<Registry>) -> Self {
        Self { registry, changes: TaskTracker::new() }
    }

    /// Runs a change to completion, also when nobody waits for it any more.
    pub async fn change<T, F>(&self, make: impl FnOnce(Arc<Registry>) -> F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        match self.changes.spawn(make(Arc::clone(&self.registry))).await {
            Ok(result) => result,
            Err(error) => {
                tracing::error!(%error, "a change ended abnormally");
                Err(Error::Defect)
            }
        }
    }
}
