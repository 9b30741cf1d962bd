//! When iterations start, and how many at once; names and meanings are k6's. To add an executor: a new file, its `mod`
//! line, a line in `EXECUTORS`.

/// A closed loop.
pub mod constant_vus;
/// An open loop at one rate.
pub mod constant_arrival_rate;
/// An open loop at a moving rate.
pub mod ramping_arrival_rate;
/// Ranges that their settings share.
mod ranges;

use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::load_run::LoadRun;
use super::outcome::LoadOutcome;
use crate::harness::parsing::Section;
use crate::harness::plan::{ExecutorChoice, Settings};

/// Every executor.
pub const EXECUTORS: &[ExecutorEntry] = &[
    entry::<constant_vus::ConstantVus>(),
    entry::<constant_arrival_rate::ConstantArrivalRate>(),
    entry::<ramping_arrival_rate::RampingArrivalRate>(),
];

/// An executor with its settings: what it is serialised to is what the plan keeps of it.
#[async_trait]
pub trait Executor: Send + Sync {
    /// Its name, as scenarios write it.
    fn name() -> &'static str
    where
        Self: Sized;

    /// One line for `chaos list`.
    fn summary() -> &'static str
    where
        Self: Sized;

    /// Reads its settings from a load's table, refusing what it can't work with; worth nothing where it refused any.
    fn read(section: &mut Section<'_>) -> Self
    where
        Self: Sized;

    /// How long new iterations start.
    fn duration(&self) -> Duration;

    /// Starts the iterations of a load whose time has come, and returns when the last one ended.
    ///
    /// # Errors
    /// An iteration broke off.
    async fn run(&self, run: &LoadRun) -> anyhow::Result<LoadOutcome>;
}

/// A line of the table.
pub struct ExecutorEntry {
    name: fn() -> &'static str,
    summary: fn() -> &'static str,
    read: fn(&mut Section<'_>) -> Settings,
    open: fn(&Settings) -> anyhow::Result<Box<dyn Executor>>,
}

const fn entry<E: Executor + Serialize + DeserializeOwned + 'static>() -> ExecutorEntry {
    ExecutorEntry {
        name: E::name,
        summary: E::summary,
        read: |section| Settings::of(&E::read(section)),
        open: |settings| Ok(Box::new(settings.owner::<E>()?)),
    }
}

impl ExecutorEntry {
    /// Its name, as scenarios write it.
    pub fn name(&self) -> &'static str {
        (self.name)()
    }

    /// One line for `chaos list`.
    pub fn summary(&self) -> &'static str {
        (self.summary)()
    }

    /// Reads its settings from a load's table.
    pub fn read(&self, section: &mut Section<'_>) -> ExecutorChoice {
        ExecutorChoice { name: self.name().to_owned(), settings: (self.read)(section) }
    }
}

/// Every executor's name.
pub fn names() -> Vec<&'static str> {
    EXECUTORS.iter().map(ExecutorEntry::name).collect()
}

/// The executor of this name.
pub fn find(name: &str) -> Option<&'static ExecutorEntry> {
    EXECUTORS.iter().find(|executor| executor.name() == name)
}

/// The executor that a plan names, as it is set there.
///
/// # Errors
/// There is none of this name, or it can't read these settings.
pub fn open(choice: &ExecutorChoice) -> anyhow::Result<Box<dyn Executor>> {
    let name = &choice.name;
    let entry = find(name).with_context(|| format!("there is no executor \"{name}\""))?;
    (entry.open)(&choice.settings).with_context(|| format!("executor \"{name}\""))
}

/// What a plan keeps of this executor.
pub fn choose<E: Executor + Serialize>(executor: &E) -> ExecutorChoice {
    ExecutorChoice { name: E::name().to_owned(), settings: Settings::of(executor) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{EXECUTORS, Settings, names, open};
    use crate::harness::plan::ExecutorChoice;

    #[test]
    fn every_executor_has_a_name_of_its_own_and_says_what_it_does() {
        assert_eq!(names().into_iter().collect::<BTreeSet<_>>().len(), EXECUTORS.len());
        assert!(EXECUTORS.iter().all(|executor| !executor.summary().is_empty()));
    }

    #[test]
    fn an_executor_that_does_not_exist_or_has_the_settings_of_another_is_named() {
        let refusal = |name: &str| {
            let choice = ExecutorChoice { name: name.to_owned(), settings: Settings::default() };
            format!("{:#}", open(&choice).err().unwrap())
        };
        assert_eq!(refusal("constant-vu"), "there is no executor \"constant-vu\"");
        let unset = refusal("constant-vus");
        assert!(
            unset.starts_with("executor \"constant-vus\": its settings can't be read"),
            "{unset}"
        );
    }
}
