//! The whole data plane against a booking API in memory, over real sockets: load, workloads, client, recorder, settling
//! and checkers, without a stack.

mod books;
mod fake;
mod shipped;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::fake::{Fake, Manners, SECRET};
use super::checkers::{self, CHECKERS, Collected};
use super::load::executors::constant_arrival_rate::ConstantArrivalRate;
use super::load::executors::constant_vus::ConstantVus;
use super::load::executors::{self};
use super::load::{self, LoadOutcome};
use super::plan::{
    ExecutorChoice, GeneratorLimits, Inventory, Load, Payments, Plan, Settings, Target,
    WorkloadChoice,
};
use super::recorder::recording::Files;
use super::recorder::{Epoch, OpKind, Outcome, Recorded, Recording};
use super::settle::{self, SettleLimits, Settled};
use super::summary::{CheckResult, CheckVerdict};
use super::targets::{self, Access, BookingApi, Server};
use super::workloads::{LoadContext, SeatMap};
use crate::wire::Admission;

/// A run's pieces.
struct Rehearsal {
    fakes: JoinSet<()>,
    folder: TempDir,
    plan: Plan,
    context: Arc<LoadContext>,
    recording: Recording,
    stop: CancellationToken,
}

fn target(servers: Vec<Server>) -> Arc<dyn BookingApi> {
    targets::open(targets::OURS, Access { servers, token_secret: SECRET.to_vec() }).unwrap()
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
        let recording = Recording::start(&files, epoch).unwrap();
        let seats = (1..=i64::from(plan.inventory.seats)).collect();
        let context = Arc::new(LoadContext {
            target: target(servers),
            epoch,
            recorder: recording.recorder(),
            seat_maps: vec![SeatMap::new(Uuid::from_u128(9), seats).unwrap()],
            events: 0..1,
            background_events: 0..1,
            admission: plan.inventory.admission,
            hold_ttl: plan.inventory.hold_ttl,
            seed: plan.seed,
        });
        Self { fakes, folder, plan, context, recording, stop: CancellationToken::new() }
    }

    async fn load(self) -> (LoadOutcome, Recorded, Arc<LoadContext>) {
        let outcome = load::run(&self.plan, &self.context, &self.stop).await.unwrap();
        let recorded = self.recording.finish().await.unwrap();
        drop((self.fakes, self.folder));
        (outcome, recorded, self.context)
    }
}

/// A run that was judged.
struct Judged {
    results: Vec<CheckResult>,
    settled: Settled,
    recorded: Recorded,
}

impl Judged {
    fn of(&self, checker: &str) -> &CheckResult {
        self.results.iter().find(|result| result.name == checker).unwrap()
    }
}

/// Runs a plan against the fake, settles, and lets every checker judge it.
async fn judge(fake: &Fake, plan: Plan) -> Judged {
    let rehearsal = Rehearsal::new(fake, plan.clone()).await;
    let outcome = load::run(&rehearsal.plan, &rehearsal.context, &rehearsal.stop).await.unwrap();
    assert_eq!(outcome.aborted, 0);
    let mut recorded = rehearsal.recording.finish().await.unwrap();
    let limits = SettleLimits {
        request_timeout: Duration::from_millis(100),
        deadline: Duration::from_secs(3),
    };
    let settled = settle::settle(&rehearsal.context, &mut recorded.history, limits).await;
    let (audit, ledger) = (fake.audit(plan.inventory.seats.into()), fake.ledger());
    let results = checkers::run(Collected {
        plan: &plan,
        history: &recorded.history,
        audit: Some(&audit),
        ledger: Some(&ledger),
        aborted: 0,
    });
    Judged { results, settled, recorded }
}

/// Settings of every workload together: each reads its own.
fn workload(exec: &str) -> WorkloadChoice {
    let settings = toml::toml! {
        seats_per_order = [1, 4]
        abandon = 0.0
        duplicates = 1
        other_body = 0.0
    };
    WorkloadChoice { name: exec.to_owned(), settings: Settings::of(&settings) }
}

fn plan(exec: &str, seats: u32, executor: ExecutorChoice) -> Plan {
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
            admission: Admission::Seated,
            seats,
            tickets_per_user: None,
            price_cents: vec![books::PRICE_CENTS],
            hold_ttl: Duration::from_secs(30),
        },
        payments: Payments::default(),
        generator: GeneratorLimits { max_dropped: 0, max_lag_p99: Duration::from_millis(100) },
        checkers: CHECKERS.iter().map(|checker| checker.name().to_owned()).collect(),
        loads: vec![Load {
            name: "rush".to_owned(),
            start: Duration::ZERO,
            buyers: None,
            request_timeout: Duration::from_secs(5),
            workload: workload(exec),
            executor,
        }],
        background: Vec::new(),
        faults: Vec::new(),
        thresholds: Vec::new(),
        sometimes: Vec::new(),
    }
}

fn arrivals(rate: f64, seconds: u64) -> ExecutorChoice {
    let duration = Duration::from_secs(seconds);
    executors::choose(&ConstantArrivalRate { rate, duration, max_vus: 64 })
}

/// Virtual users that make so many iterations together, within so many seconds.
fn vus(vus: u32, seconds: u64, iterations: u64) -> ExecutorChoice {
    let duration = Duration::from_secs(seconds);
    executors::choose(&ConstantVus { vus, duration, iterations: Some(iterations) })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_loop_sells_an_event_out_and_records_every_request() {
    let fake = Fake::new(Manners::Honest, 0);
    let rehearsal = Rehearsal::new(&fake, plan("checkout", 120, arrivals(100.0, 2))).await;
    let (outcome, recorded, context) = rehearsal.load().await;
    assert_eq!((outcome.iterations, outcome.dropped, outcome.aborted), (200, 0, 0));
    assert_eq!(fake.audit(120).seats_sold, 120, "every seat is sold");
    let live = context.recorder.live().total();
    assert_eq!(live.total(), recorded.history.len() as u64);
    assert!(
        outcome.lag_us.len() == 200 && outcome.lag_us.value_at_quantile(0.99) < 500_000,
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
    let duration = Duration::from_secs(1);
    let executor = executors::choose(&ConstantArrivalRate { rate: 500.0, duration, max_vus: 1 });
    let rehearsal = Rehearsal::new(&fake, plan("checkout", 1000, executor)).await;
    let (outcome, _, site) = rehearsal.load().await;
    assert!(outcome.dropped > 0);
    assert_eq!(outcome.iterations + outcome.dropped, 500);
    let live = site.recorder.live().dropped_iterations();
    assert_eq!(live, outcome.dropped, "whoever watches sees them, too");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_loop_stops_after_its_iterations() {
    let fake = Fake::new(Manners::Honest, 0);
    let rehearsal = Rehearsal::new(&fake, plan("hot_seat", 10, vus(8, 20, 77))).await;
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
    let (stop, live) = (rehearsal.stop.clone(), Arc::clone(rehearsal.context.recorder.live()));
    let mut canceller = JoinSet::new();
    canceller.spawn(async move {
        while live.total().ok < 10 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        stop.cancel();
    });
    let (outcome, recorded, context) = rehearsal.load().await;
    assert!(outcome.seconds < 10.0 && outcome.iterations < 3_000);
    assert_eq!(context.recorder.live().total().total(), recorded.history.len() as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_honest_server_passes_every_checker() {
    for exec in ["checkout", "hot_seat", "retry_storm"] {
        let judged =
            judge(&Fake::new(Manners::Honest, 0), plan(exec, 60, arrivals(150.0, 1))).await;
        assert_eq!(
            checkers::verdict(&judged.results),
            CheckVerdict::Pass,
            "{exec}: {:#?}",
            judged.results
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_naive_server_is_caught_by_the_database_and_by_the_clients() {
    for exec in ["checkout", "hot_seat"] {
        let judged = judge(&Fake::new(Manners::Naive, 0), plan(exec, 40, vus(32, 1, 400))).await;
        for checker in ["no-double-sell-database", "no-double-sell-clients"] {
            let result = judged.of(checker);
            assert_eq!(result.verdict, CheckVerdict::Fail, "{exec}: {result:?}");
            assert!(result.detail.contains("seat "), "{}", result.detail);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_lost_on_the_way_are_settled_and_judged_as_what_they_were() {
    let judged =
        judge(&Fake::new(Manners::Honest, 5), plan("checkout", 400, arrivals(120.0, 1))).await;
    let lost = judged.recorded.history.iter().filter(|op| op.outcome == Outcome::Info).count();
    let Settled { ok, fail, unknown } = judged.settled;
    assert!(ok > 10, "most lost answers were grants: {:?}", judged.settled);
    assert_eq!((ok + fail, unknown), (lost as u64, 0));
    assert_eq!(checkers::verdict(&judged.results), CheckVerdict::Pass, "{:#?}", judged.results);
    let booked =
        |op: &&super::recorder::Operation| op.op == OpKind::Confirm && op.end() == Outcome::Ok;
    assert!(
        judged
            .recorded
            .history
            .iter()
            .filter(booked)
            .all(|op| op.booking.is_some() && op.reservation.is_some())
    );
}

/// Seats bought and cancelled again and again.
fn rebook_plan(seats: u32) -> Plan {
    let mut plan = plan("cancel_rebook", seats, vus(16, 20, 160));
    plan.loads[0].workload.settings = Settings::of(&toml::toml! { seats_per_order = [1, 2] });
    plan
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seats_cancelled_and_sold_again_are_no_double_sell_even_if_answers_are_lost() {
    // What is lost on the way to its buyer is never cancelled: with few seats, soon there would be none.
    for (seats, lose_every) in [(8, 0), (40, 5)] {
        let judged = judge(&Fake::new(Manners::Honest, lose_every), rebook_plan(seats)).await;
        for checker in ["no-double-sell-clients", "idempotency", "ledger", "acknowledged-bookings"]
        {
            assert_eq!(judged.of(checker).verdict, CheckVerdict::Pass, "{:#?}", judged.results);
        }
        let Settled { ok, unknown, .. } = judged.settled;
        assert_eq!((ok > 0, unknown), (lose_every > 0, 0), "some lost answers were grants");
        let detail = &judged.of("ledger").detail;
        let all_went_back = detail.starts_with("0 cents kept for 0 bookings");
        assert!(all_went_back || lose_every > 0, "{detail}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seats_sold_again_before_they_were_cancelled_are_seen_by_the_clients_alone() {
    let judged = judge(&Fake::new(Manners::Naive, 0), rebook_plan(8)).await;
    let result = judged.of("no-double-sell-clients");
    assert_eq!(result.verdict, CheckVerdict::Fail, "{:#?}", judged.results);
}

fn storm_plan() -> Plan {
    let mut plan = plan("retry_storm", 200, arrivals(30.0, 1));
    plan.loads[0].workload.settings = Settings::of(&toml::toml! {
        seats_per_order = [1, 1]
        duplicates = 8
        other_body = 0.4
    });
    plan
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_copies_has_one_effect_on_an_honest_server_whatever_is_lost() {
    for lose_every in [0, 3] {
        let judged = judge(&Fake::new(Manners::Honest, lose_every), storm_plan()).await;
        assert_eq!(checkers::verdict(&judged.results), CheckVerdict::Pass, "{:#?}", judged.results);
        let reused = judged.recorded.history.iter().filter(|op| op.status == Some(422)).count();
        assert!(reused > 50, "copies with another body were sent and refused: {reused}");
        assert!(
            judged.of("idempotency").detail.contains("keys repeated"),
            "{:?}",
            judged.of("idempotency")
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_copies_breaks_a_naive_server() {
    let judged = judge(&Fake::new(Manners::Naive, 0), storm_plan()).await;
    assert_eq!(judged.of("idempotency").verdict, CheckVerdict::Fail, "{:#?}", judged.results);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_cannot_connect_is_sent_to_another_server_and_knows_that_nothing_happened() {
    let fake = Fake::new(Manners::Honest, 0);
    let mut rehearsal = Rehearsal::new(&fake, plan("checkout", 400, arrivals(60.0, 1))).await;
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let context = Arc::get_mut(&mut rehearsal.context).unwrap();
    let mut servers = context.target.servers().to_vec();
    servers[0].base_url = format!("http://{gone}");
    context.target = target(servers);
    let (_, recorded, context) = rehearsal.load().await;
    let to_the_gone: Vec<_> =
        recorded.history.iter().filter(|op| op.server == "server-1").collect();
    assert!(to_the_gone.len() > 20);
    assert!(
        to_the_gone.iter().all(|op| op.outcome == Outcome::Fail && op.status.is_none()),
        "{:?}",
        to_the_gone[0]
    );
    assert_eq!(context.recorder.live().total().not_connected, to_the_gone.len() as u64);
    // Nobody gave up before the other one had answered.
    let answered: BTreeSet<u64> =
        recorded.history.iter().filter(|op| op.status.is_some()).map(|op| op.iteration).collect();
    assert_eq!(answered.len(), 60);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_without_an_answer_in_time_is_unknown_and_never_lost_from_the_record() {
    let fake = Fake::new(Manners::Honest, 0);
    let mut rehearsal = Rehearsal::new(&fake, plan("checkout", 400, arrivals(20.0, 1))).await;
    rehearsal.plan.loads[0].request_timeout = Duration::from_millis(300);
    // Connections are taken in by the kernel and answered by nobody.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", silent.local_addr().unwrap());
    let context = Arc::get_mut(&mut rehearsal.context).unwrap();
    let servers = context
        .target
        .servers()
        .iter()
        .map(|server| Server { base_url: base_url.clone(), ..server.clone() });
    context.target = target(servers.collect());
    let (outcome, mut recorded, context) = rehearsal.load().await;
    assert_eq!((outcome.iterations, outcome.aborted, recorded.history.len()), (20, 0, 20));
    assert!(
        recorded
            .history
            .iter()
            .all(|op| op.outcome == Outcome::Info && op.detail == "no answer in time")
    );
    let limits = SettleLimits {
        request_timeout: Duration::from_millis(10),
        deadline: Duration::from_millis(10),
    };
    drop(silent);
    let settled = settle::settle(&context, &mut recorded.history, limits).await;
    assert_eq!(settled.unknown, 20, "nobody could be asked");
}
