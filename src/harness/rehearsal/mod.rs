//! The whole data plane against a booking API in memory, over real sockets: load, workloads, client, recorder, settling
//! and checkers, without a stack.

mod fake;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::fake::{Fake, Manners, SECRET};
use super::client::{Client, Server, TokenSigner};
use super::load::{self, LoadOutcome};
use super::recorder::recording::Files;
use super::recorder::{Epoch, OpKind, Outcome, Recorded, Recording};
use super::scenario::plan::{Executor, GeneratorLimits, Inventory, Load, Payments, Plan, Target};
use super::workloads::{House, Site};

/// A run's pieces.
struct Rehearsal {
    fakes: JoinSet<()>,
    folder: TempDir,
    plan: Plan,
    site: Arc<Site>,
    recording: Recording,
    stop: CancellationToken,
}

impl Rehearsal {
    async fn new(fake: &Fake, plan: Plan) -> Self {
        let mut fakes = JoinSet::new();
        let mut servers = Vec::new();
        for name in ["server-1", "server-2"] {
            servers.push(Server { name: name.to_owned(), base_url: fake.serve(&mut fakes).await });
        }
        let folder = tempfile::tempdir().unwrap();
        let files = Files {
            history: folder.path().join("history.jsonl"),
            latency: folder.path().join("latency.hlog"),
        };
        let epoch = Epoch::begin();
        let names = servers.iter().map(|server| server.name.clone()).collect();
        let recording = Recording::start(&files, names, epoch).unwrap();
        let seats = (1..=i64::from(plan.inventory.seats)).collect();
        let site = Arc::new(Site {
            client: Client::new(servers, epoch).unwrap(),
            tokens: TokenSigner::new(SECRET),
            recorder: recording.recorder(),
            houses: vec![House::new(Uuid::from_u128(9), seats).unwrap()],
            hold_ttl: plan.inventory.hold_ttl,
            seed: plan.seed,
        });
        Self { fakes, folder, plan, site, recording, stop: CancellationToken::new() }
    }

    async fn load(self) -> (LoadOutcome, Recorded, Arc<Site>) {
        let outcome = load::run(&self.plan, &self.site, &self.stop).await.unwrap();
        let recorded = self.recording.finish().await.unwrap();
        drop((self.fakes, self.folder));
        (outcome, recorded, self.site)
    }
}

fn plan(exec: &str, seats: u32, executor: Executor) -> Plan {
    Plan {
        title: "rehearsal".to_owned(),
        name: "rehearsal".to_owned(),
        seed: 42,
        target: Target {
            strategy: "none".to_owned(),
            instances: 2,
            redis_nodes: 1,
            env: BTreeMap::new(),
        },
        inventory: Inventory {
            events: 1,
            seats,
            price_cents: fake::PRICE_CENTS,
            hold_ttl: Duration::from_secs(30),
        },
        payments: Payments { decline: 0.0, latency: Duration::ZERO, drop_reply: 0.0 },
        generator: GeneratorLimits { max_dropped: 0, max_lag_p99: Duration::from_millis(100) },
        checkers: Vec::new(),
        loads: vec![Load {
            name: "rush".to_owned(),
            exec: exec.to_owned(),
            start: Duration::ZERO,
            seats_per_order: (1, 4),
            abandon: 0.0,
            duplicates: 1,
            other_body: 0.0,
            request_timeout: Duration::from_secs(5),
            executor,
        }],
        faults: Vec::new(),
        thresholds: Vec::new(),
        sometimes: Vec::new(),
    }
}

fn arrivals(rate: f64, seconds: u64) -> Executor {
    Executor::ConstantArrivalRate { rate, duration: Duration::from_secs(seconds), max_vus: 64 }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_loop_sells_a_house_out_and_records_every_request() {
    let fake = Fake::new(Manners::Honest, 0);
    let rehearsal = Rehearsal::new(&fake, plan("checkout", 120, arrivals(100.0, 2))).await;
    let (outcome, recorded, site) = rehearsal.load().await;
    assert_eq!((outcome.iterations, outcome.dropped, outcome.aborted), (200, 0, 0));
    assert_eq!(fake.audit(120).seats_sold, 120, "the house is sold out");
    let live = site.recorder.live().total();
    assert_eq!((live.started, live.under_way()), (recorded.history.len() as u64, 0));
    assert!(
        outcome.lag_us.len() == 200 && outcome.lag_us.value_at_quantile(0.99) < 100_000,
        "{:?}",
        outcome.summary()
    );
    let booked =
        recorded.history.iter().filter(|op| op.op == OpKind::Confirm && op.outcome == Outcome::Ok);
    assert_eq!(booked.count(), fake.audit(120).bookings.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_iteration_without_a_free_vu_is_dropped_and_counted() {
    let fake = Fake::new(Manners::Naive, 0);
    let executor =
        Executor::ConstantArrivalRate { rate: 500.0, duration: Duration::from_secs(1), max_vus: 1 };
    let rehearsal = Rehearsal::new(&fake, plan("checkout", 1000, executor)).await;
    let (outcome, _, _) = rehearsal.load().await;
    assert!(outcome.dropped > 0);
    assert_eq!(outcome.iterations + outcome.dropped, 500);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_loop_stops_after_its_iterations() {
    let fake = Fake::new(Manners::Honest, 0);
    let executor =
        Executor::ConstantVus { vus: 8, duration: Duration::from_secs(20), iterations: Some(77) };
    let rehearsal = Rehearsal::new(&fake, plan("hot_seat", 10, executor)).await;
    let (outcome, recorded, _) = rehearsal.load().await;
    assert_eq!(outcome.iterations, 77);
    let holds: Vec<_> = recorded.history.iter().filter(|op| op.op == OpKind::Hold).collect();
    assert_eq!((holds.len(), holds.iter().filter(|op| op.outcome == Outcome::Ok).count()), (77, 1));
    assert!(outcome.seconds < 15.0, "it does not wait for its duration: {}", outcome.seconds);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_run_ends_soon_with_everything_recorded() {
    let fake = Fake::new(Manners::Naive, 0);
    let rehearsal = Rehearsal::new(&fake, plan("checkout", 5000, arrivals(50.0, 60))).await;
    let (stop, live) = (rehearsal.stop.clone(), Arc::clone(rehearsal.site.recorder.live()));
    let mut canceller = JoinSet::new();
    canceller.spawn(async move {
        while live.total().ok < 10 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        stop.cancel();
    });
    let (outcome, recorded, site) = rehearsal.load().await;
    assert!(outcome.seconds < 10.0 && outcome.iterations < 3_000);
    assert_eq!(site.recorder.live().total().started, recorded.history.len() as u64);
}
