//! What the orders run on: a database of its own with a clock that can be moved, a server process a session, the job that
//! expires holds and the one that refunds cancelled events, and a gate in front of each. Several lanes work side by side.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use reqwest::Url;
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::gate::{Gate, News, Rewrite, Signal};
use super::statement::{self, Touch};
use crate::harness::targets::{self, Access, BookingApi, Server};
use crate::stack::Stack;
use crate::stack::payments::{PaymentBehaviour, PaymentSimulator};
use crate::stack::server::ServerSpec;
use crate::storage::interleaving::{Control, Stock};
use crate::wire::PaymentCall;

/// Lanes that work side by side: a core each on the smallest machine.
pub const LANES: usize = 2;
/// Prices of the event's seats: no two alike, so that a sum says which seats it is of.
const PRICES: [i64; 4] = [1_000, 2_000, 4_000, 8_000];
/// Longer than anything takes: nothing happens but what the search lets go.
const NEVER: &str = "1day";
/// Signals that may wait to be read.
const SIGNALS_MAX: usize = 256;
/// How often a job comes round, once its last round is over; each round then waits at its gate.
const EVERY: &str = "1ms";

/// The job that expires holds, among a lane's.
pub const EXPIRE: usize = 0;
/// The job that refunds cancelled events, among a lane's.
const REFUND: usize = 1;
/// Statements that the job needs at most to refund what one order sold.
const REFUND_STEPS_MAX: usize = 60;

/// A lane.
pub struct Lane {
    /// The database.
    pub control: Control,
    /// The servers, one a session.
    pub target: Arc<dyn BookingApi>,
    /// In front of the servers, one a session; then of the jobs.
    pub gates: Vec<Gate>,
    /// What the gates tell.
    pub signals: mpsc::Receiver<Signal>,
    /// What waits at the jobs' gates.
    pub jobs: [JobGate; 2],
    /// Who takes the money.
    pub payments: PaymentSimulator,
    /// The event.
    pub event: Uuid,
    /// Its seats.
    pub seats: Vec<i64>,
    /// All that no request of the order is to change, as it has to stay.
    pub bystanders: String,
    /// Its servers ask for a lease before they hold.
    pub takes_leases: bool,
    server_names: Vec<String>,
    number: usize,
    orders: u64,
    /// Calls to the provider that earlier orders made.
    calls_before: usize,
    _processes: Vec<Child>,
}

/// A job's next round, waiting at its gate.
#[derive(Debug, Default)]
pub struct JobGate {
    /// The text of the statement that waits, once it has come.
    pub waiting: Option<String>,
}

/// Which lane.
#[derive(Debug, Clone, Copy)]
pub struct LaneSpec<'a> {
    /// The strategy of its servers.
    pub strategy: &'a str,
    /// Its number, from 1.
    pub number: usize,
    /// Sessions, at least one.
    pub sessions: usize,
    /// Whether that strategy asks for a lease before it holds.
    pub takes_leases: bool,
    /// The program.
    pub exe: &'a Path,
}

impl Lane {
    /// Sets one up.
    ///
    /// # Errors
    /// Something could not be started.
    pub async fn open(
        stack: &mut Stack,
        spec: LaneSpec<'_>,
        rewrite: &Rewrite,
    ) -> anyhow::Result<Self> {
        let LaneSpec { strategy, number, sessions, takes_leases, exe } = spec;
        let name = format!("{}-{number}", strategy.replace('_', "-"));
        let event = Uuid::from_u64_pair(8, number as u64);
        let for_sale = Stock { event, prices: PRICES.to_vec() };
        let (mut control, url) = Control::create(stack.database_url(), &name, &for_sale)
            .await
            .context("cannot prepare a database")?;
        let seats = control.seats(event).await?;
        let payments = PaymentSimulator::start(PaymentBehaviour::default()).await?;
        let (sender, signals) = mpsc::channel(SIGNALS_MAX);
        let upstream = authority(&url)?;
        let mut gates = Vec::new();
        for session in 0..sessions + 2 {
            let rewrite = Arc::clone(rewrite);
            gates.push(Gate::open(session, upstream.clone(), sender.clone(), rewrite).await?);
        }
        let mut servers = Vec::new();
        for (session, gate) in gates.iter().take(sessions).enumerate() {
            let name = format!("{name}-{}", session + 1);
            let spec = ServerSpec {
                name: name.clone(),
                strategy: strategy.to_owned(),
                database_url: through(&url, gate)?,
                redis_urls: of_lane(stack.redis_urls(), number),
                env: server_settings(payments.url(), &name),
            };
            servers.push(Server { name, base_url: stack.start_server(spec).await?.base_url });
        }
        let server_names = servers.iter().map(|server| server.name.clone()).collect();
        let token_secret = stack.jwt_secret().as_bytes().to_vec();
        let target = targets::open(targets::OURS, Access { servers, token_secret })?;
        let mut processes = Vec::new();
        for (job, gate) in ["expire-holds", "refund-cancelled"].iter().zip(&gates[sessions..]) {
            gate.shut();
            let payments_url = format!("{}/jobs", payments.url());
            processes.push(start_job(exe, job, &through(&url, gate)?, &payments_url)?);
        }
        let jobs = [JobGate::default(), JobGate::default()];
        let mut lane = Self {
            control,
            target,
            gates,
            signals,
            jobs,
            payments,
            event,
            seats,
            bystanders: String::new(),
            takes_leases,
            server_names,
            number,
            orders: 0,
            calls_before: 0,
            _processes: processes,
        };
        tokio::time::timeout(STUCK_AFTER, lane.wait_for_jobs())
            .await
            .context("a job does not come round")??;
        Ok(lane)
    }

    /// Lets the jobs look at the schema, and keeps their first rounds.
    async fn wait_for_jobs(&mut self) -> anyhow::Result<()> {
        while self.jobs.iter().any(|job| job.waiting.is_none()) {
            let signal = self.signals.recv().await.context("the gates are gone")?;
            let News::Asks(text) = &signal.news else { continue };
            let writes = matches!(statement::touch(text), Touch::Tables(tables) if !tables.written.is_empty());
            if !writes || !self.note_job(&signal) {
                self.gates[signal.session].let_go();
            }
        }
        Ok(())
    }

    /// A number that no order of any lane had before.
    pub fn next_number(&mut self) -> u64 {
        self.orders += 1;
        ((self.number as u64) << 40) | self.orders
    }

    /// The calls to the provider since this was asked last.
    pub fn new_calls(&mut self) -> Vec<PaymentCall> {
        let calls = self.payments.calls_after(self.calls_before);
        self.calls_before += calls.len();
        calls
    }

    /// The servers, as the stack knows them.
    pub fn server_names(&self) -> Vec<String> {
        self.server_names.clone()
    }

    /// How many sessions it has.
    pub fn sessions(&self) -> usize {
        self.gates.len() - self.jobs.len()
    }

    /// Shuts the sessions' gates.
    pub fn shut(&self) {
        self.gates[..self.sessions()].iter().for_each(Gate::shut);
    }

    /// Opens the sessions' gates.
    pub fn let_through(&self) {
        self.gates[..self.sessions()].iter().for_each(Gate::let_through);
    }

    /// Lets the job that refunds go on until nothing is left to refund.
    pub async fn refund(&mut self) -> anyhow::Result<()> {
        for _ in 0..REFUND_STEPS_MAX {
            if self.control.due_for_refund().await? == 0 {
                break;
            }
            self.round(REFUND).await?;
        }
        Ok(())
    }

    /// Lets the job that expires holds come round.
    pub async fn expire(&mut self) -> anyhow::Result<()> {
        self.round(EXPIRE).await
    }

    /// Lets a job's statement go, and waits for its next one.
    async fn round(&mut self, job: usize) -> anyhow::Result<()> {
        self.rounds().await?;
        self.jobs[job].waiting = None;
        self.gates[self.sessions() + job].let_go();
        self.rounds().await
    }

    /// Waits until each job waits with its next round.
    ///
    /// # Errors
    /// One does not come round.
    pub async fn rounds(&mut self) -> anyhow::Result<()> {
        let all = async {
            while self.jobs.iter().any(|job| job.waiting.is_none()) {
                let signal = self.signals.recv().await.context("the gates are gone")?;
                self.note_job(&signal);
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(STUCK_AFTER, all).await.context("a job does not come round")?
    }

    /// Keeps what a job waits with; true where the signal was a job's.
    pub fn note_job(&mut self, signal: &Signal) -> bool {
        let Some(job) = signal.session.checked_sub(self.sessions()) else { return false };
        if let News::Asks(text) = &signal.news {
            self.jobs[job].waiting = Some(text.clone());
        }
        true
    }
}

/// Nothing of their own accord, one connection each, and no waiting for a lease that somebody has.
fn server_settings(payments_url: &str, name: &str) -> BTreeMap<String, String> {
    let settings = [
        ("POOL_SIZE", "1"),
        ("REQUEST_TIMEOUT", "60s"),
        ("EXPIRE_EVERY", NEVER),
        ("RECOVER_EVERY", NEVER),
        ("REFUND_EVERY", NEVER),
        ("CLEANUP_EVERY", NEVER),
        ("TOKEN_CLEANUP_EVERY", NEVER),
        ("WATCH_GUARD_EVERY", NEVER),
        ("LOCK_TTL_MS", "600000"),
        ("REDLOCK_RETRY_COUNT", "0"),
    ];
    let mut env: BTreeMap<String, String> =
        settings.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    env.insert("PAYMENTS_URL".to_owned(), format!("{payments_url}/{name}"));
    env
}

/// Each lane has a Redis database of its own: seats have the same numbers everywhere.
fn of_lane(redis_urls: &[String], number: usize) -> Vec<String> {
    redis_urls.iter().map(|url| format!("{}/{number}", url.trim_end_matches('/'))).collect()
}

fn start_job(exe: &Path, job: &str, url: &str, payments_url: &str) -> anyhow::Result<Child> {
    let mut command = Command::new(exe);
    command.args([job, "--every", EVERY]).env("DATABASE_URL", url);
    command.env("PAYMENTS", "simulator").env("PAYMENTS_URL", payments_url);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    command.spawn().with_context(|| format!("cannot start ticketctl {job}"))
}

/// `host:port` of a URL.
fn authority(url: &str) -> anyhow::Result<String> {
    let url = Url::parse(url).context("the database's URL can't be read")?;
    let host = url.host_str().context("the database's URL names no host")?;
    Ok(format!("{host}:{}", url.port().unwrap_or(5432)))
}

/// The URL, with the gate in front.
fn through(url: &str, gate: &Gate) -> anyhow::Result<String> {
    let mut url = Url::parse(url).context("the database's URL can't be read")?;
    let address = gate.address();
    url.set_host(Some(&address.ip().to_string())).context("an address is a host")?;
    url.set_port(Some(address.port())).ok().context("a database's URL takes a port")?;
    Ok(url.to_string())
}

/// How long anything may take before it counts as stuck.
pub const STUCK_AFTER: Duration = Duration::from_secs(10);
