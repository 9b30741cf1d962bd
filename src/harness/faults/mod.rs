//! What can be broken on purpose. To add a kind: a new file, its `mod` line, a line in `FAULTS`.

mod latency;
mod timeout;
mod down;
mod kill;
mod pause;

/// Every kind of fault.
pub const FAULTS: &[&dyn Fault] =
    &[&latency::Latency, &timeout::Timeout, &down::Down, &kill::Kill, &pause::Pause];

/// A kind of fault.
pub trait Fault: Sync {
    /// Its name, as `type = "…"` writes it.
    fn name(&self) -> &'static str;
    /// One line for `chaos list`.
    fn summary(&self) -> &'static str;
    /// What it strikes, and with which settings.
    fn strikes(&self) -> Strikes;
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
