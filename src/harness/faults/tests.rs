//! Faults against a real server, its real stores and the fault proxy: each is shown to bite where something is going on,
//! to miss where nothing is, and to be healed whatever happens.

use std::collections::BTreeMap;
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{World, run_all};
use crate::harness::plan::{FaultPlan, FaultTarget, Moment, Target, sample};
use crate::harness::proxy_control::{ProxyControl, ProxySpec, ToxicSpec};
use crate::harness::recorder::{Epoch, Live, OpKind, Outcome};
use crate::harness::scenario::proxies::{Link, links};
use crate::harness::summary::FaultSummary;
use crate::stack::server::ServerSpec;
use crate::stack::{Stack, StackSpec};
use crate::storage::{Storage, StorageSettings, migrations};
use crate::tests::program::exe;
use crate::toxiproxy::{self, Running, Settings};

const SERVER: &str = "server-1";

/// One server behind proxies, with everything that a fault can reach.
struct Site {
    target: Target,
    stack: Stack,
    proxies: ProxyControl,
    live: Live,
    base_url: String,
    _toxiproxy: Running,
    _folder: TempDir,
}

/// The address behind a URL, and the URL with another address.
fn authority(url: &str) -> String {
    let rest = url.split_once("://").unwrap().1;
    let authority = rest.split('/').next().unwrap();
    authority.rsplit('@').next().unwrap().to_owned()
}

impl Site {
    async fn new() -> Self {
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
        let settings = Settings {
            host: "127.0.0.1".to_owned(),
            port: 0,
            seed: 7,
            proxy_metrics: true,
            allow_remote: false,
            runtime_metrics: false,
        };
        let toxiproxy = toxiproxy::start(settings).await.unwrap();
        let proxies = ProxyControl::connect(&toxiproxy.url()).await.unwrap();

        let upstreams = [stack.database_url(), &stack.redis_urls()[0]].map(authority);
        let specs: Vec<_> = links(1, 1)
            .iter()
            .map(|link| ProxySpec {
                name: link.to_string(),
                listen: "127.0.0.1:0".to_owned(),
                // Nobody uses the client's link: what strikes it strikes nothing.
                upstream: upstreams[usize::from(link.to_string().ends_with("redis-1"))].clone(),
            })
            .collect();
        assert!(links(1, 1).contains(&Link::Client { server: 1 }));
        let bound = proxies.populate(&specs).await.unwrap();
        let through = |url: &str, index: usize| url.replace(&authority(url), &bound[index].listen);
        let server = ServerSpec {
            name: SERVER.to_owned(),
            strategy: "row_lock".to_owned(),
            database_url: through(stack.database_url(), 0),
            redis_urls: vec![through(&stack.redis_urls()[0], 1)],
            // The one job whose round is a transaction of two statements.
            env: BTreeMap::from([("CLEANUP_EVERY".to_owned(), "50ms".to_owned())]),
        };
        let base_url = stack.start_server(server).await.unwrap().base_url;
        let target = Target { instances: 1, redis_nodes: 1, ..sample().target };
        let live = Live::new([SERVER.to_owned()]);
        Self { target, stack, proxies, live, base_url, _toxiproxy: toxiproxy, _folder: folder }
    }

    fn world(&self) -> World<'_> {
        World {
            target: &self.target,
            proxies: Some(&self.proxies),
            stack: &self.stack,
            site: None,
            live: &self.live,
            epoch: Epoch::begin(),
            cancel: CancellationToken::new(),
        }
    }

    /// Buyers who read, one request after the other each, until dropped.
    async fn traffic(&self) {
        let client =
            reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build().unwrap();
        let url = format!("{}/api/v1/events", self.base_url);
        let buyer = async || loop {
            self.live.started(0, OpKind::Read);
            let outcome = match client.get(&url).send().await {
                Ok(answer) if answer.status().is_success() => Outcome::Ok,
                Ok(_) => Outcome::Fail,
                Err(_) => Outcome::Info,
            };
            self.live.ended(0, OpKind::Read, outcome);
            sleep(Duration::from_millis(5)).await;
        };
        futures_util::future::join_all((0..8).map(|_| buyer())).await;
    }

    /// Runs one fault while buyers read.
    async fn strike_under_traffic(&self, fault: &FaultPlan) -> FaultSummary {
        tokio::select! {
            () = self.traffic() => unreachable!("buyers never tire"),
            mut found = async { run_all(std::slice::from_ref(fault), &self.world()).await } => found.remove(0),
        }
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
        let ready = client.get(format!("{}/health/ready", self.base_url)).send().await.unwrap();
        assert!(ready.status().is_success(), "{}", ready.status());
    }
}

fn on_proxy(kind: &str, proxy: &str) -> FaultPlan {
    let attributes = match kind {
        "latency" => BTreeMap::from([("latency".to_owned(), 40), ("jitter".to_owned(), 5)]),
        "timeout" => BTreeMap::from([("timeout".to_owned(), 0)]),
        _ => BTreeMap::new(),
    };
    FaultPlan {
        name: format!("{kind} on {proxy}"),
        kind: kind.to_owned(),
        on: FaultTarget::Proxy(proxy.to_owned()),
        at: Duration::from_millis(300),
        duration: Duration::from_millis(500),
        attributes,
        ..sample().faults.remove(0)
    }
}

fn on_process(kind: &str, process: &str, when: Moment) -> FaultPlan {
    let on = FaultTarget::Process(process.to_owned());
    FaultPlan {
        name: format!("{kind} of {process}"),
        kind: kind.to_owned(),
        on,
        when,
        ..on_proxy("", "")
    }
}

#[tokio::test]
async fn a_network_fault_bites_where_there_is_traffic_and_misses_where_there_is_none() {
    let site = Site::new().await;
    for (kind, words) in [("latency", "delayed "), ("timeout", "swallowed "), ("down", "cut ")] {
        let found = site.strike_under_traffic(&on_proxy(kind, "postgres")).await;
        assert!(found.bit && found.evidence.starts_with(words), "{kind}: {found:?}");
        let missed = site.strike_under_traffic(&on_proxy(kind, "client")).await;
        assert!(!missed.bit && missed.evidence.starts_with(words), "{kind}: {missed:?}");
        site.assert_healthy().await;
    }
    site.stack.stop().await.unwrap();
}

#[tokio::test]
async fn a_process_fault_bites_a_server_that_is_asked_and_misses_one_that_is_not() {
    let site = Site::new().await;
    let idle = run_all(&[on_process("kill", SERVER, Moment::Any)], &site.world()).await.remove(0);
    assert!(!idle.bit, "{idle:?}");
    site.assert_healthy().await;
    for kind in ["kill", "pause"] {
        let before = site.stack.pid(SERVER).await.unwrap();
        let found = site.strike_under_traffic(&on_process(kind, SERVER, Moment::Any)).await;
        assert!(found.bit, "{found:?}");
        site.assert_healthy().await;
        assert_eq!(site.stack.pid(SERVER).await.unwrap() == before, kind == "pause");
    }
    let store = site.strike_under_traffic(&on_process("pause", "postgres", Moment::Any)).await;
    assert!(store.bit, "{store:?}");
    site.assert_healthy().await;
    site.stack.stop().await.unwrap();
}

#[tokio::test]
async fn a_server_is_caught_inside_a_transaction_or_the_fault_has_not_bitten() {
    let site = Site::new().await;
    // A slow database keeps the transactions of the server's own jobs open for long enough to be seen.
    let slow = ToxicSpec {
        name: "slow".to_owned(),
        kind: "latency".to_owned(),
        stream: "downstream".to_owned(),
        toxicity: 1.0,
        attributes: BTreeMap::from([("latency".to_owned(), 60)]),
    };
    site.proxies.add_toxic("server-1.postgres", &slow).await.unwrap();
    let caught =
        site.strike_under_traffic(&on_process("pause", SERVER, Moment::InTransaction)).await;
    assert!(caught.bit && caught.evidence.contains("was frozen with "), "{caught:?}");
    site.proxies.set_enabled("server-1.postgres", false).await.unwrap();
    let missed =
        site.strike_under_traffic(&on_process("pause", SERVER, Moment::InTransaction)).await;
    assert!(!missed.bit && missed.evidence.contains("never had a transaction open"), "{missed:?}");
    site.wait_for_state(|state| state != Some('T')).await;
    let missed = site.strike_under_traffic(&on_process("kill", SERVER, Moment::Charged)).await;
    assert!(!missed.bit && missed.evidence.contains("no charge was captured"), "{missed:?}");
    site.stack.stop().await.unwrap();
}

#[tokio::test]
async fn a_cancelled_run_is_healed_at_once() {
    let site = Site::new().await;
    let world = site.world();
    let forever =
        FaultPlan { duration: Duration::from_mins(10), ..on_process("pause", SERVER, Moment::Any) };
    let later = FaultPlan { at: Duration::from_mins(10), ..on_proxy("latency", "redis") };
    let faults = [forever, later];
    let cancel = async {
        site.wait_for_state(|state| state == Some('T')).await;
        world.cancel.cancel();
    };
    let all = async { tokio::join!(run_all(&faults, &world), cancel) };
    let (found, ()) = timeout(Duration::from_secs(15), all).await.expect("cancelled faults end");
    site.wait_for_state(|state| state.is_some_and(|state| state != 'T')).await;
    assert!(found[1].evidence.contains("the run ended before it could strike"), "{found:?}");
    site.stack.stop().await.unwrap();
}

#[tokio::test]
async fn a_fault_that_fails_has_not_bitten_and_what_it_did_is_undone() {
    let site = Site::new().await;
    // Of the proxies that the name selects the first is there and is struck; the second is not, and that fails.
    let target = Target { redis_nodes: 3, ..site.target.clone() };
    let world = World { target: &target, ..site.world() };
    let mut fault = on_proxy("latency", "redis");
    let failed = run_all(&[fault.clone()], &world).await.remove(0);
    assert!(
        !failed.bit && failed.evidence.contains("cannot strike server-1.redis-2"),
        "{failed:?}"
    );
    let again = run_all(
        &[FaultPlan { name: fault.name.clone(), ..on_proxy("latency", "redis-1") }],
        &site.world(),
    )
    .await
    .remove(0);
    assert!(!again.evidence.contains("already exists"), "the toxic was left behind: {again:?}");
    "no-such-kind".clone_into(&mut fault.kind);
    let unknown = run_all(&[fault], &site.world()).await.remove(0);
    assert!(!unknown.bit && unknown.evidence.contains("no fault type"), "{unknown:?}");
    site.stack.stop().await.unwrap();
}
