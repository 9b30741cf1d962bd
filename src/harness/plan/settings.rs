//! Settings that only their owner can read: an executor's, a workload's, a fault's. The plan keeps them as they are, so that a new
//! one changes nothing here.

use anyhow::Context as _;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// What an owner wrote down of itself, in TOML's types.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Settings(toml::Table);

impl Settings {
    /// The settings of this owner.
    pub fn of(owner: &impl Serialize) -> Self {
        let table = toml::Table::try_from(owner);
        Self(table.expect("settings are structs of strings, numbers, lists and tables"))
    }

    /// The owner that wrote them down.
    ///
    /// # Errors
    /// They are another owner's.
    pub fn owner<T: DeserializeOwned>(&self) -> anyhow::Result<T> {
        self.0.clone().try_into().context("its settings can't be read")
    }
}
