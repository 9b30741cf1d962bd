//! Faults against a real server, its real stores and the fault proxy: each is shown to bite where something is going on,
//! to miss where nothing is, and to be healed whatever happens.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::hop::{self, Hop, Store};
use super::process::ProcessSettings;
use super::trigger::Trigger;
use super::{RunContext, judge, run_all};
use crate::harness::plan::{FaultPlan, Plan, Settings, Target, sample};
use crate::harness::proxy_control::{ProxyControl, ProxySpec, ToxicSpec};
use crate::harness::recorder::fixtures::{ended, hold, user};
use crate::harness::recorder::{Epoch, Live, Operation, Outcome};
use crate::harness::summary::{FaultSummary, Strike};
use crate::stack::server::ServerSpec;
use crate::stack::{Stack, StackSpec};
use crate::storage::{Storage, StorageSettings, migrations};
use crate::tests::program::exe;
use crate::toxiproxy::{self, Running};
use crate::wire::server_timing::{self, SERVER_TIMING};

const SERVER: &str = "server-1";

/// One server behind proxies, with everything that a fault can reach.
pub struct TestRun {
    target: Target,
    stack: Stack,
    proxies: ProxyControl,
    live: Live,
    epoch: Epoch,
    /// What buyers were answered.
    history: Mutex<Vec<Operation>>,
    base_url: String,
    /// Addresses of the clients' proxies, in order.
    pub clients: Vec<String>,
    _echo: JoinSet<()>,
    _toxiproxy: Running,
    _folder: TempDir,
}

/// The address behind a URL, and the URL with another address.
fn authority(url: &str) -> String {
    let rest = url.split_once("://").unwrap().1;
    let authority = rest.split('/').next().unwrap();
    authority.rsplit('@').next().unwrap().to_owned()
}

impl TestRun {
    /// Starts everything. The hops of the clients, as many as asked for, don't lead to the server but to an echo, so that
    /// nobody uses them but the tests.
    pub async fn start(clients: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(folder.path(), open).unwrap();
        let spec = StackSpec {
            redis_nodes: 1,
            exe: exe(),
            database_url: None,
            redis_urls: Vec::new(),
            temp_parent: Some(folder.path().to_owned()),
        };
        let mut stack = Stack::start(spec).await.unwrap();
        let storage = Storage::open(&StorageSettings::for_command(stack.database_url())).unwrap();
        migrations::migrate(&storage).await.unwrap();
        let settings = toxiproxy::Settings {
            host: "127.0.0.1".to_owned(),
            port: 0,
            seed: 7,
            proxy_metrics: true,
            allow_remote: false,
            runtime_metrics: false,
        };
        let toxiproxy = toxiproxy::start(settings).await.unwrap();
        let proxies = ProxyControl::connect(&toxiproxy.url()).await.unwrap();

        let target = Target { instances: clients, redis_nodes: 1, ..sample().target };
        let [postgres, redis] = [stack.database_url(), &stack.redis_urls()[0]].map(authority);
        let (echo, echoing) = echo().await;
        let hops = hop::all(&target).into_iter().filter_map(|hop| {
            let upstream = match hop {
                Hop::Store { server: 1, store: Store::Postgres } => &postgres,
                Hop::Store { server: 1, store: Store::Redis(_) } => &redis,
                Hop::Store { .. } => return None,
                Hop::Client { .. } => &echo,
            };
            let listen = "127.0.0.1:0".to_owned();
            Some(ProxySpec { name: hop.to_string(), listen, upstream: upstream.clone() })
        });
        let bound = proxies.populate(&hops.collect::<Vec<_>>()).await.unwrap();
        let clients = bound[2..].iter().map(|proxy| proxy.listen.clone()).collect();
        let through = |url: &str, index: usize| url.replace(&authority(url), &bound[index].listen);
        let server = ServerSpec {
            name: SERVER.to_owned(),
            strategy: "row_lock".to_owned(),
            database_url: through(stack.database_url(), 0),
            redis_urls: vec![through(&stack.redis_urls()[0], 1)],
            env: BTreeMap::from([
                // The one job whose round is a transaction of two statements.
                ("CLEANUP_EVERY".to_owned(), "50ms".to_owned()),
                ("SERVER_TIMING".to_owned(), "true".to_owned()),
            ]),
        };
        let base_url = stack.start_server(server).await.unwrap().base_url;
        Self {
            target,
            stack,
            proxies,
            live: Live::default(),
            epoch: Epoch::begin(),
            history: Mutex::default(),
            base_url,
            clients,
            _echo: echoing,
            _toxiproxy: toxiproxy,
            _folder: folder,
        }
    }

    pub fn context(&self) -> RunContext<'_> {
        RunContext {
            target: &self.target,
            proxies: Some(&self.proxies),
            stack: &self.stack,
            load: None,
            live: &self.live,
            epoch: self.epoch,
            cancel: CancellationToken::new(),
        }
    }

    pub async fn stop(self) {
        self.stack.stop().await.unwrap();
    }

    /// Buyers who read, one request after the other each, until dropped.
    async fn traffic(&self) {
        let client =
            reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build().unwrap();
        // An event that isn't there: PostgreSQL alone is asked for it.
        let url = format!("{}/api/v1/events/{}", self.base_url, user(1));
        let buyer = async || loop {
            let invoked_us = self.epoch.now_us();
            let answer = client.get(&url).send().await;
            let read = hold(user(1), &[1], invoked_us..self.epoch.now_us());
            self.history.lock().unwrap().push(read_as(read, answer.ok()));
            sleep(Duration::from_millis(5)).await;
        };
        futures_util::future::join_all((0..8).map(|_| buyer())).await;
    }

    /// Runs one fault while buyers read.
    async fn strike_under_traffic(&self, fault: &FaultPlan) -> FaultSummary {
        self.history.lock().unwrap().clear();
        let at = Duration::from_micros(self.epoch.now_us()) + fault.at;
        let fault = FaultPlan { at, ..fault.clone() };
        let faults = std::slice::from_ref(&fault);
        let strikes = tokio::select! {
            () = self.traffic() => unreachable!("buyers never tire"),
            strikes = async {
                let strikes = run_all(faults, &self.context()).await;
                // Whoever waits for an answer gets to record it.
                sleep(Duration::from_millis(100)).await;
                strikes
            } => strikes,
        };
        self.judge(fault, &strikes)
    }

    /// Runs one fault while nobody asks for anything.
    async fn strike_alone(&self, fault: FaultPlan) -> FaultSummary {
        self.history.lock().unwrap().clear();
        let strikes = run_all(std::slice::from_ref(&fault), &self.context()).await;
        self.judge(fault, &strikes)
    }

    fn judge(&self, fault: FaultPlan, strikes: &[Strike]) -> FaultSummary {
        let plan = Plan { target: self.target.clone(), faults: vec![fault], ..sample() };
        judge(&plan, strikes, &self.history.lock().unwrap()).remove(0)
    }

    /// Waits for a state of the server's process, with a deadline.
    async fn wait_for_state(&self, wanted: impl Fn(Option<char>) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !wanted(self.stack.state(SERVER).await.unwrap()) {
            assert!(
                Instant::now() < deadline,
                "the server is {:?}",
                self.stack.state(SERVER).await.unwrap()
            );
            sleep(Duration::from_millis(10)).await;
        }
    }

    async fn assert_healthy(&self) {
        let client =
            reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build().unwrap();
        let url = format!("{}/health/ready", self.base_url);
        let deadline = Instant::now() + Duration::from_secs(10);
        // The first to use a connection that was cut while nobody used it finds that out.
        while !client.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
            assert!(Instant::now() < deadline, "the server is not ready again");
            sleep(Duration::from_millis(50)).await;
        }
    }
}

/// An operation with this answer, or none.
fn read_as(operation: Operation, answer: Option<reqwest::Response>) -> Operation {
    let Some(answer) = answer else {
        return Operation { status: None, ..ended(operation, Outcome::Info) };
    };
    let told = answer.headers().get(SERVER_TIMING).map(|told| told.to_str().unwrap());
    Operation {
        status: Some(answer.status().as_u16()),
        dependencies: told.map(server_timing::read).unwrap_or_default(),
        ..operation
    }
}

/// A server that says what it hears; its address. It ends when its tasks are dropped.
async fn echo() -> (String, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            connections.spawn(async move {
                let (mut read, mut write) = stream.split();
                // A reset is what some faults are about.
                drop(tokio::io::copy(&mut read, &mut write).await);
            });
        }
    });
    (address, tasks)
}

/// A fault of this kind, with its settings as a scenario writes them.
pub fn fault(kind: &str, settings: &str) -> FaultPlan {
    let settings: toml::Table = toml::from_str(settings).unwrap();
    FaultPlan {
        name: format!("{kind} {settings}"),
        kind: kind.to_owned(),
        at: Duration::from_millis(300),
        duration: Duration::from_millis(500),
        settings: Settings::of(&settings),
    }
}

fn on_proxy(kind: &str, proxy: &str) -> FaultPlan {
    let attributes = match kind {
        "latency" => "latency = 40, jitter = 5",
        "timeout" => "timeout = 0",
        _ => return fault(kind, &format!("proxy = \"{proxy}\"")),
    };
    let rest = format!("stream = \"downstream\"\ntoxicity = 1.0\nattributes = {{ {attributes} }}");
    fault(kind, &format!("proxy = \"{proxy}\"\n{rest}"))
}

fn on_process(kind: &str, process: &str, when: Trigger) -> FaultPlan {
    let settings = ProcessSettings { process: process.to_owned(), when };
    FaultPlan { settings: Settings::of(&settings), ..fault(kind, "") }
}

#[tokio::test]
async fn a_network_fault_bites_where_there_is_traffic_and_misses_where_there_is_none() {
    let run = TestRun::start(1).await;
    for (kind, words) in
        [("latency", "delayed "), ("timeout", "swallowed "), ("down", "connections cut: ")]
    {
        let found = run.strike_under_traffic(&on_proxy(kind, "postgres")).await;
        assert!(found.bit && found.evidence.contains(words), "{kind}: {found:?}");
        // Readers ask PostgreSQL alone; probes and the server's own connections reach Redis, too.
        let missed = run.strike_under_traffic(&on_proxy(kind, "redis")).await;
        assert!(!missed.bit && missed.evidence.contains(words), "{kind}: {missed:?}");
        // What PostgreSQL is asked for meanwhile are the jobs' statements.
        let alone = run.strike_alone(on_proxy(kind, "postgres")).await;
        assert!(!alone.bit && alone.evidence.contains("no operation"), "{kind}: {alone:?}");
        run.assert_healthy().await;
    }
    run.stop().await;
}

#[tokio::test]
async fn a_process_fault_bites_a_server_that_is_asked_and_misses_one_that_is_not() {
    let run = TestRun::start(1).await;
    for process in [SERVER, "postgres"] {
        let idle = run.strike_alone(on_process("kill", process, Trigger::Any)).await;
        assert!(!idle.bit && idle.evidence.contains("no operation"), "{idle:?}");
        run.assert_healthy().await;
    }
    for kind in ["kill", "pause"] {
        let before = run.stack.pid(SERVER).await.unwrap();
        let found = run.strike_under_traffic(&on_process(kind, SERVER, Trigger::Any)).await;
        assert!(found.bit, "{found:?}");
        run.assert_healthy().await;
        assert_eq!(run.stack.pid(SERVER).await.unwrap() == before, kind == "pause");
    }
    let store = run.strike_under_traffic(&on_process("pause", "postgres", Trigger::Any)).await;
    assert!(store.bit, "{store:?}");
    run.assert_healthy().await;
    let unasked = run.strike_under_traffic(&on_process("pause", "redis-1", Trigger::Any)).await;
    assert!(!unasked.bit && unasked.evidence.contains("asked redis-1"), "{unasked:?}");
    run.assert_healthy().await;
    run.stop().await;
}

#[tokio::test]
async fn a_server_is_caught_inside_a_transaction_or_the_fault_has_not_bitten() {
    let run = TestRun::start(1).await;
    // A slow database keeps the transactions of the server's own jobs open for long enough to be seen.
    let slow = ToxicSpec {
        name: "slow".to_owned(),
        kind: "latency".to_owned(),
        stream: "downstream".to_owned(),
        toxicity: 1.0,
        attributes: BTreeMap::from([("latency".to_owned(), 60)]),
    };
    run.proxies.add_toxic("server-1.postgres", &slow).await.unwrap();
    let caught =
        run.strike_under_traffic(&on_process("pause", SERVER, Trigger::InTransaction)).await;
    assert!(caught.bit && caught.evidence.contains("was frozen with "), "{caught:?}");
    run.proxies.set_enabled("server-1.postgres", false).await.unwrap();
    let missed =
        run.strike_under_traffic(&on_process("pause", SERVER, Trigger::InTransaction)).await;
    assert!(!missed.bit && missed.evidence.contains("never had a transaction open"), "{missed:?}");
    run.wait_for_state(|state| state != Some('T')).await;
    let missed = run.strike_under_traffic(&on_process("kill", SERVER, Trigger::Charged)).await;
    assert!(!missed.bit && missed.evidence.contains("no charge was captured"), "{missed:?}");
    run.stop().await;
}

#[tokio::test]
async fn a_cancelled_run_is_healed_at_once() {
    let run = TestRun::start(1).await;
    let context = run.context();
    let forever = FaultPlan {
        duration: Duration::from_mins(10),
        ..on_process("pause", SERVER, Trigger::Any)
    };
    let later = FaultPlan { at: Duration::from_mins(10), ..on_proxy("latency", "redis") };
    let faults = [forever, later];
    let cancel = async {
        run.wait_for_state(|state| state == Some('T')).await;
        context.cancel.cancel();
    };
    let all = async { tokio::join!(run_all(&faults, &context), cancel) };
    let (found, ()) = timeout(Duration::from_secs(15), all).await.expect("cancelled faults end");
    run.wait_for_state(|state| state.is_some_and(|state| state != 'T')).await;
    assert!(found[1].evidence.contains("the run ended before it could strike"), "{found:?}");
    run.stop().await;
}

#[tokio::test]
async fn a_fault_that_fails_has_not_bitten_and_what_it_did_is_undone() {
    let run = TestRun::start(1).await;
    // Of the proxies that the name selects the first is there and is struck; the second is not, and that fails.
    let target = Target { redis_nodes: 3, ..run.target.clone() };
    let context = RunContext { target: &target, ..run.context() };
    let mut fault = on_proxy("latency", "redis");
    let failed = run_all(&[fault.clone()], &context).await.remove(0);
    assert!(
        !failed.is_seen && failed.evidence.contains("cannot strike server-1.redis-2"),
        "{failed:?}"
    );
    let again = run_all(
        &[FaultPlan { name: fault.name.clone(), ..on_proxy("latency", "redis-1") }],
        &run.context(),
    )
    .await
    .remove(0);
    assert!(!again.evidence.contains("already exists"), "the toxic was left behind: {again:?}");
    "no-such-kind".clone_into(&mut fault.kind);
    let unknown = run_all(&[fault], &run.context()).await.remove(0);
    assert!(!unknown.is_seen && unknown.evidence.contains("no fault type"), "{unknown:?}");
    run.stop().await;
}
