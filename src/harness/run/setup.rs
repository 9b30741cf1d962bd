//! What a run is set up with, beside its plan: which program, whose stores, and what becomes of them.

use std::path::PathBuf;

/// What a run is set up with.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The ticketctl program: servers, migrations and seeding are its.
    pub exe: PathBuf,
    /// A PostgreSQL to use instead of an own one.
    pub database_url: Option<String>,
    /// Redis nodes to use instead of own ones; empty for own ones.
    pub redis_urls: Vec<String>,
    /// A Toxiproxy to use instead of the built-in one.
    pub toxiproxy_url: Option<String>,
    /// What becomes of the stack when the run is over.
    pub afterwards: Afterwards,
}

/// What becomes of the stack when the run is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Afterwards {
    /// It is gone.
    TearDown,
    /// PostgreSQL and Redis stay, to be looked into.
    Keep,
}
