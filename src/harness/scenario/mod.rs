//! A scenario file and the plan made from it. Everything that can be refused is refused here, before anything starts.

/// Names of proxies and what they select.
pub mod proxies;
mod file;
mod setting;
mod load;
mod fault;
mod limits;
mod quick;

pub use crate::harness::parsing::problem::ScenarioError;
pub use file::load;

/// Names that the harness cannot know by itself.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Booking strategies that the servers offer.
    pub strategies: &'a [&'a str],
}

/// What the command line says instead of the file.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--strategy`.
    pub strategy: Option<String>,
    /// `--seed`.
    pub seed: Option<u64>,
    /// `--instances`.
    pub instances: Option<u32>,
    /// Which form of the scenario is run.
    pub form: Form,
}

/// The forms of a scenario.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Form {
    /// As written.
    #[default]
    Full,
    /// With its `[quick]` table laid over it.
    Quick,
}
