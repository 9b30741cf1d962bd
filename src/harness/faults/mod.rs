//! What can be broken on purpose. To add a kind: a new file, its `mod` line, a line in `FAULTS`.

/// Where faults happen, and one fault from beginning to end.
pub mod scene;
mod toxic;
mod process;
mod moment;
mod latency;
mod timeout;
mod down;
mod kill;
mod pause;
mod cancel_event;
#[cfg(test)]
mod tests;

use async_trait::async_trait;

pub use scene::{World, run_all};

use scene::Scene;

/// Every kind of fault.
pub const FAULTS: &[&dyn Fault] = &[
    &latency::Latency,
    &timeout::Timeout,
    &down::Down,
    &kill::Kill,
    &pause::Pause,
    &cancel_event::CancelEvent,
];

/// A kind of fault.
#[async_trait]
pub trait Fault: Send + Sync {
    /// Its name, as `type = "…"` writes it.
    fn name(&self) -> &'static str;
    /// One line for `chaos list`.
    fn summary(&self) -> &'static str;
    /// What it strikes, and with which settings.
    fn strikes(&self) -> Strikes;
    /// Strikes, holds on for the fault's duration, heals, and says what was observed.
    ///
    /// # Errors
    /// It could not strike, or what it did could not be observed.
    async fn strike(&self, scene: &Scene<'_>) -> anyhow::Result<Bite>;
    /// Undoes a strike that broke off, however far it came.
    ///
    /// # Errors
    /// Something may still be broken.
    async fn heal(&self, scene: &Scene<'_>) -> anyhow::Result<()>;
}

/// What was observed of a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bite {
    /// It had an effect: this one.
    Bit(String),
    /// It had none; this was looked for in vain.
    Missed(String),
}

/// What a kind of fault strikes.
#[derive(Debug, Clone, Copy)]
pub enum Strikes {
    /// One direction of proxied connections: `proxy`, `stream`, `toxicity`, and these `attributes`.
    Streams(&'static [Attribute]),
    /// Whole proxies: `proxy`.
    Proxies,
    /// Processes: `process`, and for a server the moment `when`.
    Processes,
    /// An event on sale: `event`, its number.
    Events,
}

/// An attribute of a fault, an integer.
#[derive(Debug, Clone, Copy)]
pub struct Attribute {
    /// Its name, Toxiproxy's.
    pub name: &'static str,
    /// What it sets, and in which unit.
    pub summary: &'static str,
    /// Smallest value allowed.
    pub least: i64,
    /// Largest value allowed.
    pub most: i64,
    /// Its value where a scenario gives none.
    pub default: i64,
    /// Whether a scenario has to give one.
    pub required: bool,
}

/// The kind of this name.
pub fn find(name: &str) -> Option<&'static dyn Fault> {
    FAULTS.iter().copied().find(|fault| fault.name() == name)
}
