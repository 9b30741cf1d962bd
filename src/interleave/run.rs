//! All orders of all cases of a strategy, on a few lanes side by side.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use serde::Serialize;
use tokio::task::JoinSet;

use super::case::Case;
use super::judge::{self, Broken, Guarded};
use super::lane::Lane;
use super::order::Runner;
use super::ran::Line;
use super::search::{Reduction, Search, orders_like};

/// An order that did not go on as before is tried so often again. Two copies of a request that both wait for a third to
/// commit the key that all carry are set free at once, and PostgreSQL doesn't say which of them comes first.
const TRIES_MAX: u32 = 50;

/// What became of a case.
#[derive(Debug, Clone, Serialize)]
pub struct CaseReport {
    /// The case.
    pub case: String,
    /// Orders that there are.
    pub orders: u64,
    /// Orders that were run, one of each class where classes are run.
    pub run: u64,
    /// Of these, orders after which something was true that must not be.
    pub bad: u64,
    /// What was true then, each once, and how often.
    pub broken: Vec<Broken>,
    /// The names of all steps that its sessions took.
    #[serde(skip)]
    pub steps: BTreeSet<String>,
    /// The first bad order.
    #[serde(skip)]
    pub first_bad: Option<BadOrder>,
}

/// How orders are run.
#[derive(Debug, Clone, Copy)]
pub struct How {
    /// Whether every one is run.
    pub reduction: Reduction,
    /// Whether the database keeps a seat from being sold twice.
    pub guarded: Guarded,
    /// Whether nothing more is run after a bad one.
    pub until_bad: bool,
}

/// An order after which something is true that must not be.
#[derive(Debug, Clone)]
pub struct BadOrder {
    /// The case.
    pub case: Case,
    /// What happened.
    pub lines: Vec<Line>,
    /// What must not be.
    pub broken: Vec<Broken>,
}

/// How orders are counted while they are run.
#[derive(Debug, Default)]
pub struct Live {
    /// Orders run so far.
    pub orders: AtomicU64,
    /// Cases done.
    pub cases: AtomicU64,
    /// Bad orders so far.
    pub bad: AtomicU64,
}

/// Runs every order of these cases on these lanes; reports in the order of the cases.
///
/// # Errors
/// Something got stuck, or an order would not go the same way twice.
pub async fn all(
    lanes: Vec<Lane>,
    cases: Vec<Case>,
    how: How,
    live: &Arc<Live>,
) -> anyhow::Result<(Vec<Lane>, Vec<CaseReport>)> {
    let queue: Queue = Arc::new(Mutex::new(cases.into_iter().enumerate().collect()));
    let mut tasks = JoinSet::new();
    for lane in lanes {
        tasks.spawn(on_lane(lane, Arc::clone(&queue), how, Arc::clone(live)));
    }
    let (mut lanes, mut reports) = (Vec::new(), Vec::new());
    while let Some(end) = tasks.join_next().await {
        let (lane, of_lane) = end??;
        lanes.push(lane);
        reports.extend(of_lane);
    }
    reports.sort_by_key(|(place, _)| *place);
    Ok((lanes, reports.into_iter().map(|(_, report)| report).collect()))
}

type Queue = Arc<Mutex<VecDeque<(usize, Case)>>>;

/// Runs cases until none is left.
async fn on_lane(
    mut lane: Lane,
    queue: Queue,
    how: How,
    live: Arc<Live>,
) -> anyhow::Result<(Lane, Vec<(usize, CaseReport)>)> {
    let mut reports = Vec::new();
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let is_over = how.until_bad && live.bad.load(Ordering::Relaxed) > 0;
        let Some((place, case)) = next.filter(|_| !is_over) else { return Ok((lane, reports)) };
        let report = of_case(&mut lane, &case, how, &live).await;
        reports.push((place, report.with_context(|| case.name())?));
        live.cases.fetch_add(1, Ordering::Relaxed);
    }
}

/// Runs every order of a case.
async fn of_case(
    lane: &mut Lane,
    case: &Case,
    how: How,
    live: &Live,
) -> anyhow::Result<CaseReport> {
    let mut report = CaseReport {
        case: case.name(),
        orders: 0,
        run: 0,
        bad: 0,
        broken: Vec::new(),
        steps: BTreeSet::new(),
        first_bad: None,
    };
    let mut search = Search::new(how.reduction);
    let mut tries = 0;
    loop {
        let number = lane.next_number();
        let runner = Runner::begin(lane, case, number).await?;
        let ran = match runner.run(&mut search).await {
            Err(error) if tries < TRIES_MAX && error.is::<super::search::Diverged>() => {
                tracing::debug!(%error, case = case.name(), "an order is run again");
                tries += 1;
                continue;
            }
            end => end?,
        };
        tries = 0;
        let broken = match &ran {
            Some(ran) => judge::judge(lane, ran, how.guarded).await?,
            None => Vec::new(),
        };
        if let Some(ran) = ran {
            report.orders += match how.reduction {
                Reduction::None => 1,
                Reduction::ByClass => orders_like(&ran.steps),
            };
            report.run += 1;
            live.orders.fetch_add(1, Ordering::Relaxed);
            live.bad.fetch_add(u64::from(!broken.is_empty()), Ordering::Relaxed);
            report.steps.extend(ran.step_names());
            take_in(&mut report, broken, || (case.clone(), ran.lines));
        }
        if (how.until_bad && report.bad > 0) || !search.advance() {
            return Ok(report);
        }
    }
}

fn take_in(
    report: &mut CaseReport,
    broken: Vec<Broken>,
    order: impl FnOnce() -> (Case, Vec<Line>),
) {
    if broken.is_empty() {
        return;
    }
    report.bad += 1;
    for each in &broken {
        if !report.broken.iter().any(|known| known.checker == each.checker) {
            report.broken.push(each.clone());
        }
    }
    if report.first_bad.is_none() {
        let (case, lines) = order();
        report.first_bad = Some(BadOrder { case, lines, broken });
    }
}
