//! The folder that a run is recorded in: its name, its files. Never touches one that holds another run.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;
use time::OffsetDateTime;
use time::macros::format_description;

use super::plan::Plan;
use super::summary::RunFacts;
use crate::storage::audit::Audit;
use crate::wire::PaymentCall;

/// Runs of one scenario and seed that may begin within the same second.
const COLLISIONS_MAX: u32 = 1000;

/// The folder that a run is to be recorded in.
#[derive(Debug, Clone, Copy)]
pub enum NewFolder<'a> {
    /// In a new folder in this one, named for scenario, seed and time.
    Within(&'a Path),
    /// In this folder, which has to be new or empty.
    At(&'a Path),
}

/// The folder of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunDir {
    path: PathBuf,
}

impl RunDir {
    /// Creates the folder, and `logs` in it.
    ///
    /// # Errors
    /// It cannot be created, or holds something already.
    pub fn create(folder: NewFolder<'_>, plan: &Plan, now: OffsetDateTime) -> anyhow::Result<Self> {
        let path = match folder {
            NewFolder::Within(parent) => create_within(parent, plan, now)?,
            NewFolder::At(path) => create_at(path)?,
        };
        let logs = path.join("logs");
        fs::create_dir(&logs).with_context(|| format!("cannot create {}", logs.display()))?;
        Ok(Self { path })
    }

    /// A folder that an earlier run was recorded in.
    ///
    /// # Errors
    /// There is no run in it.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let run = Self { path: path.to_owned() };
        if !run.plan().is_file() {
            bail!(
                "{} holds no run: it has no plan.toml; give the folder that chaos run printed",
                path.display()
            );
        }
        Ok(run)
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The plan, as it was run.
    pub fn plan(&self) -> PathBuf {
        self.path.join("plan.toml")
    }

    /// Every operation, one JSON object a line.
    pub fn history(&self) -> PathBuf {
        self.path.join("history.jsonl")
    }

    /// Latencies as an `HdrHistogram` interval log.
    pub fn latency(&self) -> PathBuf {
        self.path.join("latency.hlog")
    }

    /// The database, as it was read after settling.
    pub fn audit(&self) -> PathBuf {
        self.path.join("audit.json")
    }

    /// The payment provider's ledger, as it was read after settling.
    pub fn ledger(&self) -> PathBuf {
        self.path.join("ledger.json")
    }

    /// What happened while it ran and nothing else in the folder says.
    pub fn facts(&self) -> PathBuf {
        self.path.join("run.json")
    }

    /// What every process said.
    pub fn logs(&self) -> PathBuf {
        self.path.join("logs")
    }

    /// Writes the plan.
    pub fn write_plan(&self, plan: &Plan) -> anyhow::Result<()> {
        let text = toml::to_string(plan).context("cannot write the plan as TOML")?;
        write(&self.plan(), text.as_bytes())
    }

    /// Reads the plan back.
    pub fn read_plan(&self) -> anyhow::Result<Plan> {
        let path = self.plan();
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("{} is no plan", path.display()))
    }

    /// Reads the audit back.
    pub fn read_audit(&self) -> anyhow::Result<Audit> {
        read_json(&self.audit())
    }

    /// Reads the payment provider's ledger back.
    pub fn read_ledger(&self) -> anyhow::Result<Vec<PaymentCall>> {
        read_json(&self.ledger())
    }

    /// Writes the audit.
    pub fn write_audit(&self, audit: &Audit) -> anyhow::Result<()> {
        write_json(&self.audit(), audit)
    }

    /// Writes the payment provider's ledger.
    pub fn write_ledger(&self, ledger: &[PaymentCall]) -> anyhow::Result<()> {
        write_json(&self.ledger(), &ledger)
    }

    /// Writes what happened beside.
    pub fn write_facts(&self, facts: &RunFacts) -> anyhow::Result<()> {
        write_json(&self.facts(), facts)
    }

    /// Reads what happened beside back.
    pub fn read_facts(&self) -> anyhow::Result<RunFacts> {
        let facts = self.facts();
        if !facts.is_file() {
            bail!(
                "{} is missing: the run did not come to its end, or an older ticketctl recorded it",
                facts.display()
            );
        }
        read_json(&facts)
    }

    /// Writes a report of the run beside what was recorded.
    pub fn write_report(&self, file: &str, text: &[u8]) -> anyhow::Result<()> {
        write(&self.path.join(file), text)
    }

    /// Copies what the processes of the run said so far, since the stack's folder goes with the stack.
    pub fn copy_logs(&self, from: &Path) -> anyhow::Result<()> {
        let entries =
            fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))?;
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                let copy = self.logs().join(entry.file_name());
                fs::copy(entry.path(), &copy)
                    .with_context(|| format!("cannot write {}", copy.display()))?;
            }
        }
        Ok(())
    }
}

fn read_json<T: DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text)
        .with_context(|| format!("{} is not what a run writes", path.display()))
}

/// Writes a value as JSON to a file of the run.
fn write_json<T: Serialize>(path: &Path, value: &T) -> anyhow::Result<()> {
    write(path, &serde_json::to_vec_pretty(value)?)
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

fn create_within(parent: &Path, plan: &Plan, now: OffsetDateTime) -> anyhow::Result<PathBuf> {
    fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
    let stamp = now.format(format_description!("[year][month][day]T[hour][minute][second]Z"))?;
    let name = format!("{}-{}-{stamp}", plan.name, plan.seed);
    for attempt in 1..=COLLISIONS_MAX {
        let path =
            parent.join(if attempt == 1 { name.clone() } else { format!("{name}-{attempt}") });
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(error).with_context(|| format!("cannot create {}", path.display()));
            }
        }
    }
    bail!("{} has {COLLISIONS_MAX} runs named {name} already; remove some", parent.display())
}

fn create_at(path: &Path) -> anyhow::Result<PathBuf> {
    let create = || -> io::Result<bool> {
        fs::create_dir_all(path)?;
        Ok(fs::read_dir(path)?.next().is_none())
    };
    if !create().with_context(|| format!("cannot create {}", path.display()))? {
        bail!("{} is not empty; give a new folder, so that no run is overwritten", path.display());
    }
    Ok(path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::plan::sample;

    const NOW: OffsetDateTime = time::macros::datetime!(2026-01-02 03:04:05 UTC);

    #[test]
    fn runs_of_the_same_second_get_folders_of_their_own() {
        let parent = tempfile::tempdir().unwrap();
        let names: Vec<_> = (0..3)
            .map(|_| RunDir::create(NewFolder::Within(parent.path()), &sample(), NOW).unwrap())
            .map(|run| run.path().file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        assert_eq!(
            names,
            [
                "sample-42-20260102T030405Z",
                "sample-42-20260102T030405Z-2",
                "sample-42-20260102T030405Z-3"
            ]
        );
    }

    #[test]
    fn a_folder_that_holds_something_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let place = parent.path().join("deep/run");
        RunDir::create(NewFolder::At(&place), &sample(), NOW).unwrap();
        let refusal = RunDir::create(NewFolder::At(&place), &sample(), NOW).unwrap_err();
        assert!(refusal.to_string().contains("is not empty"), "{refusal}");
    }

    #[test]
    fn a_plan_reads_back_as_it_was_written() {
        let parent = tempfile::tempdir().unwrap();
        let run = RunDir::create(NewFolder::Within(parent.path()), &sample(), NOW).unwrap();
        assert!(RunDir::open(run.path()).is_err());
        run.write_plan(&sample()).unwrap();
        assert_eq!(RunDir::open(run.path()).unwrap().read_plan().unwrap(), sample());
    }

    #[test]
    fn logs_are_kept() {
        let parent = tempfile::tempdir().unwrap();
        let run = RunDir::create(NewFolder::Within(parent.path()), &sample(), NOW).unwrap();
        let stack = tempfile::tempdir().unwrap();
        fs::write(stack.path().join("server-1.log"), "hello").unwrap();
        run.copy_logs(stack.path()).unwrap();
        assert_eq!(fs::read_to_string(run.logs().join("server-1.log")).unwrap(), "hello");
    }
}
