//! The throwaway stack: PostgreSQL, Redis nodes, payment simulator and server processes, gone at every end of the run.
//! Knows how to start, kill, pause and end them; nothing of seats, load or verdicts.

pub mod binaries;
pub mod external;
pub mod guard;
pub mod log;
pub mod payments;
pub mod process_table;
pub mod readiness;
pub mod server;
pub mod state;
pub mod user;
mod control;
mod databases;

mod ports;
mod postgres;
mod process;
mod process_group;
mod redis;
mod secret;
mod start_error;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context, ensure};
use futures_util::future::try_join_all;
use rustix::process::Pid;
use tokio::sync::Mutex;

use guard::Guard;
use payments::{PaymentBehaviour, PaymentSimulator};
use process::Process;
use process_group::ProcessGroup;
use readiness::Readiness;
use secret::random_secret;
use server::{ServerAddr, ServerSpec, Shared};

/// A stack to start.
#[derive(Debug, Clone)]
pub struct StackSpec {
    /// How many Redis nodes to start: 1, 3 or 5. Not used where `redis_urls` are given.
    pub redis_nodes: usize,
    /// The ticketctl program, for the guard and the servers.
    pub exe: PathBuf,
    /// A PostgreSQL to use instead of an own one.
    pub database_url: Option<String>,
    /// Redis nodes to use instead of own ones; empty to start some.
    pub redis_urls: Vec<String>,
    /// Where to create the stack's folder; the system's temporary folder when absent.
    pub temp_parent: Option<PathBuf>,
}

/// A running stack. Dropping it lets the guard take it down; [`Stack::stop`] also waits for that.
#[derive(Debug)]
pub struct Stack {
    // Fields drop in this order: the guard, whose pipe closes then, comes before the simulator.
    guard: Guard,
    group: ProcessGroup,
    exe: PathBuf,
    stores: Stores,
    jwt_secret: String,
    payments: PaymentSimulator,
    servers: BTreeMap<String, Mutex<Process>>,
}

/// PostgreSQL and Redis, and the processes of those that this stack started.
#[derive(Debug)]
struct Stores {
    database_url: String,
    redis_urls: Vec<String>,
    processes: BTreeMap<String, Mutex<Process>>,
}

impl Stack {
    /// Starts everything but the servers; ready when this returns. On failure nothing is left behind.
    ///
    /// # Errors
    /// A program is missing, too old or fails, or an external store cannot be reached; one line says which and what to do.
    pub async fn start(spec: StackSpec) -> anyhow::Result<Self> {
        ensure!(
            matches!(spec.redis_nodes, 1 | 3 | 5),
            "a stack has 1, 3 or 5 redis nodes, not {}",
            spec.redis_nodes
        );
        let temp_parent = spec.temp_parent.clone().unwrap_or_else(env::temp_dir);
        let temp_parent = std::path::absolute(&temp_parent)
            .with_context(|| format!("{} is not a usable path", temp_parent.display()))?;
        let guard = Guard::start(&spec.exe, &temp_parent).await?;
        let group = ProcessGroup { id: guard.group(), folder: guard.folder().to_owned() };
        match start_parts(&group, &spec).await {
            Ok((stores, payments)) => Ok(Self {
                guard,
                group,
                exe: spec.exe,
                stores,
                jwt_secret: random_secret(),
                payments,
                servers: BTreeMap::new(),
            }),
            Err(error) => {
                // The first cause is worth more than what went wrong while cleaning up after it.
                guard.finish().await.ok();
                Err(error)
            }
        }
    }

    /// Starts `ticketctl serve` on a free port; ready when this returns.
    ///
    /// # Errors
    /// The name is taken or no name, the server ends early (its last line is quoted), or is not ready in ten seconds.
    pub async fn start_server(&mut self, spec: ServerSpec) -> anyhow::Result<ServerAddr> {
        ensure!(
            !self.servers.contains_key(&spec.name) && !self.stores.has_name(&spec.name),
            "the stack has a {} already; restart it, or choose another name",
            spec.name
        );
        let shared = Shared {
            exe: &self.exe,
            jwt_secret: &self.jwt_secret,
            payments_url: self.payments.url(),
        };
        let (process, addr) = server::start(&self.group, shared, &spec).await?;
        self.servers.insert(spec.name, Mutex::new(process));
        Ok(addr)
    }

    /// The stack's folder; it is removed with the stack.
    pub fn dir(&self) -> &Path {
        &self.group.folder
    }

    /// Where every process logs to `NAME.log`.
    pub fn logs_dir(&self) -> PathBuf {
        self.group.logs()
    }

    /// PostgreSQL, directly.
    pub fn database_url(&self) -> &str {
        &self.stores.database_url
    }

    /// The Redis nodes, directly; the first is `redis-1`.
    pub fn redis_urls(&self) -> &[String] {
        &self.stores.redis_urls
    }

    /// Signs access tokens; every stack has its own.
    pub fn jwt_secret(&self) -> &str {
        &self.jwt_secret
    }

    /// The payment provider that all servers of this stack use.
    pub fn payments(&self) -> &PaymentSimulator {
        &self.payments
    }

    #[cfg(test)]
    /// Whether all stores are this stack's own, so that nothing in them is worth keeping.
    pub fn is_throwaway(&self) -> bool {
        ["postgres", "redis-1"].iter().all(|name| self.stores.processes.contains_key(*name))
    }

    /// The process that takes the stack down; SIGTERM makes it do so, also after [`Stack::keep`].
    pub fn guard_pid(&self) -> Pid {
        self.group.id
    }

    /// Takes everything down; nothing is left when this returns.
    ///
    /// # Errors
    /// A process or the folder remains.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.guard.finish().await
    }

    /// Lets processes and folder outlive this process, until [`Stack::guard_pid`] gets SIGTERM. The payment simulator
    /// lives in this process and ends with it.
    ///
    /// # Errors
    /// The guard is gone.
    pub async fn keep(self) -> anyhow::Result<()> {
        self.guard.keep().await
    }
}

impl Stores {
    fn has_name(&self, name: &str) -> bool {
        name == postgres::NAME || (1..=self.redis_urls.len()).any(|node| redis::name(node) == name)
    }
}

async fn start_parts(
    group: &ProcessGroup,
    spec: &StackSpec,
) -> anyhow::Result<(Stores, PaymentSimulator)> {
    let logs = group.logs();
    fs::create_dir(&logs).with_context(|| format!("cannot create {}", logs.display()))?;
    let payments = PaymentSimulator::start(PaymentBehaviour::default()).await?;
    let (database, redis) =
        tokio::try_join!(start_database(group, spec), start_redis(group, spec))?;
    let mut processes = BTreeMap::new();
    let (database_process, database_url) = database;
    processes.extend(database_process.map(|process| (postgres::NAME.to_owned(), process)));
    let mut redis_urls = Vec::new();
    for (node, (process, url)) in (1..).zip(redis) {
        processes.extend(process.map(|process| (redis::name(node), process)));
        redis_urls.push(url);
    }
    let stores = Stores {
        database_url,
        redis_urls,
        processes: processes
            .into_iter()
            .map(|(name, process)| (name, Mutex::new(process)))
            .collect(),
    };
    Ok((stores, payments))
}

async fn start_database(
    group: &ProcessGroup,
    spec: &StackSpec,
) -> anyhow::Result<(Option<Process>, String)> {
    if let Some(url) = &spec.database_url {
        external::check_reachable("DATABASE_URL", &Readiness::Postgres(url.clone())).await?;
        return Ok((None, url.clone()));
    }
    let programs = binaries::postgres().await?;
    let (process, url) = postgres::start(group, &programs).await?;
    Ok((Some(process), url))
}

async fn start_redis(
    group: &ProcessGroup,
    spec: &StackSpec,
) -> anyhow::Result<Vec<(Option<Process>, String)>> {
    if !spec.redis_urls.is_empty() {
        let checks = spec.redis_urls.iter().map(|url| async move {
            external::check_reachable("REDIS_URLS", &Readiness::Redis(url.clone())).await?;
            anyhow::Ok((None, url.clone()))
        });
        return try_join_all(checks).await;
    }
    let programs = binaries::redis().await?;
    let programs = &programs;
    let nodes = (1..=spec.redis_nodes).map(|node| async move {
        let (process, url) = redis::start(group, programs, node).await?;
        anyhow::Ok((Some(process), url))
    });
    try_join_all(nodes).await
}
