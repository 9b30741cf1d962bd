//! What a self-test's runs are made on: one PostgreSQL for all runs, with a new database for each, and one of its own for a
//! run in which PostgreSQL is struck. Judges nothing.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::sync::Mutex;

use super::trace::{self, Trace};
use super::trials::Trial;
use crate::cli::process::this_program;
use crate::clock;
use crate::harness::load;
use crate::harness::plan::{Plan, Settings};
use crate::harness::progress::{Audience, Progress};
use crate::harness::run::{self, Afterwards, Setup};
use crate::harness::run_dir::{NewFolder, RunDir};
use crate::harness::summary::Summary;
use crate::stack::{Stack, StackSpec};

/// What the runs share.
pub struct Bench {
    exe: PathBuf,
    stack: Stack,
    /// One copy is made at a time: nobody may use what is copied.
    copying: Mutex<()>,
    folder: PathBuf,
    _temporary: Option<TempDir>,
}

/// A run that was made.
pub struct Made {
    /// Its summary.
    pub summary: Summary,
    /// When it first bore a trace of what broke, where anything did.
    pub trace: Option<Trace>,
}

/// What a fault says of the process that it strikes.
#[derive(Deserialize)]
struct Struck {
    process: Option<String>,
}

impl Bench {
    /// Starts PostgreSQL and brings its schema up to date. Runs are recorded in `run_dir`, or in a folder that goes.
    ///
    /// # Errors
    /// A program is missing or fails.
    pub async fn start(run_dir: Option<&Path>) -> anyhow::Result<Self> {
        let temporary = if run_dir.is_none() { Some(TempDir::new()?) } else { None };
        let folder = run_dir.or(temporary.as_ref().map(TempDir::path)).map(Path::to_owned);
        let folder = folder.context("there is no folder to record in")?;
        let exe = this_program()?;
        let stack = Stack::start(StackSpec {
            redis_nodes: 1,
            exe: exe.clone(),
            database_url: None,
            redis_urls: Vec::new(),
            temp_parent: None,
        })
        .await?;
        let migrated = Command::new(&exe)
            .arg("migrate")
            .env("DATABASE_URL", stack.database_url())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await?;
        ensure!(migrated.status.success(), "the schema could not be made");
        Ok(Self { exe, stack, copying: Mutex::default(), folder, _temporary: temporary })
    }

    /// Makes one run.
    ///
    /// # Errors
    /// It could not be made.
    pub async fn run(&self, trial: &Trial) -> anyhow::Result<Made> {
        let plan = trial.plan()?;
        let database = format!("trial_{}_{}", trial.number, clock::since_epoch().as_millis());
        let database_url = if strikes_postgres(&plan) {
            None
        } else {
            let _copying = self.copying.lock().await;
            Some(self.stack.copy_database(&database).await?)
        };
        let is_copy = database_url.is_some();
        let setup = Setup {
            exe: self.exe.clone(),
            database_url,
            redis_urls: Vec::new(),
            toxiproxy_url: None,
            afterwards: Afterwards::TearDown,
        };
        let run_dir = RunDir::create(NewFolder::Within(&self.folder), &plan, clock::now_utc())?;
        let mut progress = Progress::new(Audience::Nobody, load::end(&plan.loads)?);
        let repeat =
            format!("ticketctl chaos self-test --only {} --seeds {}", trial.name(), trial.seed);
        let finished = run::run(&plan, &setup, run_dir, &mut progress, &repeat).await;
        if is_copy {
            self.stack.drop_database(&database).await?;
        }
        let record = finished?.record;
        let trace = trace::first(&record.history()?, &record.summary);
        Ok(Made { summary: record.summary, trace })
    }

    /// Ends PostgreSQL and waits for it.
    ///
    /// # Errors
    /// Something remains.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.stack.stop().await
    }
}

fn strikes_postgres(plan: &Plan) -> bool {
    let struck =
        |settings: &Settings| settings.owner::<Struck>().ok().and_then(|struck| struck.process);
    plan.faults.iter().any(|fault| struck(&fault.settings).as_deref() == Some("postgres"))
}
