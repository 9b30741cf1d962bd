//! What a server counts and times: each metric's name, unit and meaning, in one table; and how a dependency is timed, for
//! all requests together and for a single one. Knows nothing of who counts, nor of who reads.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use metrics::{SharedString, Unit};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};

use crate::clock;

/// How a metric behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only goes up while the process lives.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A distribution.
    Histogram,
}

/// A metric of `/metrics`.
#[derive(Debug)]
pub struct Metric {
    /// Its name, which ends with its unit.
    pub name: &'static str,
    kind: Kind,
    unit: Unit,
    /// What it means.
    pub help: &'static str,
}

const fn counter(name: &'static str, help: &'static str) -> Metric {
    Metric { name, kind: Kind::Counter, unit: Unit::Count, help }
}

const fn gauge(name: &'static str, unit: Unit, help: &'static str) -> Metric {
    Metric { name, kind: Kind::Gauge, unit, help }
}

const fn seconds(name: &'static str, help: &'static str) -> Metric {
    Metric { name, kind: Kind::Histogram, unit: Unit::Seconds, help }
}

/// Every metric of a server. No label holds anything that a client can choose, so that series stay few.
pub const METRICS: &[Metric] = &[
    counter("ticketctl_http_requests_total", "requests answered, by method, route and status"),
    seconds("ticketctl_http_request_seconds", "time to a request's answer, by method and route"),
    counter("ticketctl_rate_limited_total", "requests refused with 429, by policy"),
    counter(
        "ticketctl_rate_limits_unreachable_total",
        "requests that could not be counted because redis gave no answer",
    ),
    counter("ticketctl_holds_granted_total", "holds granted; replayed answers don't count"),
    counter("ticketctl_holds_extended_total", "holds extended"),
    counter(
        "ticketctl_holds_cancelled_total",
        "holds ended before their time, by reason: given_up, payment_refused, event_cancelled",
    ),
    counter("ticketctl_holds_expired_total", "holds that this server expired"),
    counter("ticketctl_bookings_confirmed_total", "bookings paid for and confirmed"),
    counter(
        "ticketctl_bookings_cancelled_total",
        "bookings cancelled, by reason: given_back, event_cancelled",
    ),
    counter(
        "ticketctl_payments_refunded_total",
        "payments refunded, of cancelled bookings and of charges whose seats were lost",
    ),
    counter("ticketctl_payments_declined_total", "charges that the payment provider declined"),
    counter(
        "ticketctl_recovered_payments_total",
        "payments left behind that this server brought to their end",
    ),
    counter(
        "ticketctl_tickets_picked_again_total",
        "picks of general admission that lost to another buyer and were made again",
    ),
    counter(
        "ticketctl_optimistic_conflicts_total",
        "claims of the optimistic strategy that found a changed version",
    ),
    counter(
        "ticketctl_fenced_writes_refused_total",
        "writes of the redlock strategy refused because a later lease wrote before",
    ),
    counter(
        "ticketctl_lock_acquisitions_total",
        "leases asked for, by result: acquired, contended, unreachable",
    ),
    counter("ticketctl_lock_extensions_total", "leases extended, by result: extended, lost"),
    counter(
        "ticketctl_lock_leases_outlived_total",
        "leases that ran out before they were released",
    ),
    counter(
        "ticketctl_cache_reads_total",
        "reads of a cache in redis, by cache and result: hit, miss, unreachable",
    ),
    gauge(
        "ticketctl_pool_connections_max",
        Unit::Count,
        "connections to postgresql that this server may open",
    ),
    gauge(
        "ticketctl_pool_connections",
        Unit::Count,
        "open connections to postgresql, by state: used, idle",
    ),
    seconds("ticketctl_pool_acquire_seconds", "time until the pool lent a connection"),
    counter(
        "ticketctl_pool_acquire_timeouts_total",
        "waits for a connection that were given up: the pool is used up, or postgresql is away",
    ),
    counter(
        "ticketctl_transaction_retries_total",
        "transactions run again because others were in the way, by transaction",
    ),
    seconds(
        "ticketctl_dependency_seconds",
        "time of one transaction, command or call, by dependency and outcome: ok, error",
    ),
    counter(
        "ticketctl_dependency_errors_total",
        "transactions, commands and calls that got no usable answer, by dependency",
    ),
    counter(
        "ticketctl_job_rounds_total",
        "rounds of a background job, by job (the command that does the same) and result: ok, error",
    ),
    seconds("ticketctl_job_seconds", "time of one round of a background job, by job"),
    gauge(
        "ticketctl_job_last_success_timestamp_seconds",
        Unit::Seconds,
        "when a background job last succeeded, in seconds since the unix epoch, by job",
    ),
    counter("ticketctl_password_hashes_total", "passwords hashed, by kind: hash, verify"),
    counter(
        "ticketctl_refresh_tokens_reused_total",
        "refresh tokens used twice, whose login was ended",
    ),
];

/// The process's recorder, once it is installed.
static INSTALLED: OnceLock<PrometheusHandle> = OnceLock::new();

/// Installs the process's recorder and tells it what every metric means. Histograms have buckets from a tenth of a
/// millisecond to ten seconds.
///
/// # Errors
/// There is one already.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    const SECONDS: [f64; 14] =
        [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
    let handle = PrometheusBuilder::new().set_buckets(&SECONDS)?.install_recorder()?;
    describe();
    Ok(INSTALLED.get_or_init(|| handle).clone())
}

/// Brings the samples that histograms gathered into their final form; nothing where no recorder is installed.
pub fn upkeep() {
    if let Some(handle) = INSTALLED.get() {
        handle.run_upkeep();
    }
}

fn describe() {
    for metric in METRICS {
        let Metric { name, kind, unit, help } = *metric;
        match kind {
            Kind::Counter => metrics::describe_counter!(name, unit, help),
            Kind::Gauge => metrics::describe_gauge!(name, unit, help),
            Kind::Histogram => metrics::describe_histogram!(name, unit, help),
        }
    }
}

/// Whether a dependency gave a usable answer. A refusal is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It did.
    Answered,
    /// It did not.
    Failed,
}

impl Outcome {
    /// By whether it failed.
    pub fn failed_if(failed: bool) -> Self {
        if failed { Self::Failed } else { Self::Answered }
    }
}

/// Asks a dependency something, and keeps how long it took and whether it answered.
pub async fn time_dependency<T>(
    dependency: impl Into<SharedString>,
    question: impl Future<Output = T>,
    outcome: impl FnOnce(&T) -> Outcome,
) -> T {
    let dependency = dependency.into();
    let call = Calls::begin(dependency.clone());
    let began = clock::monotonic();
    let answer = question.await;
    let outcome = outcome(&answer);
    call.end(outcome);
    record(dependency, began, outcome);
    answer
}

fn record(dependency: SharedString, began: Instant, outcome: Outcome) {
    let word = match outcome {
        Outcome::Answered => "ok",
        Outcome::Failed => "error",
    };
    metrics::histogram!("ticketctl_dependency_seconds", "dependency" => dependency.clone(), "outcome" => word)
        .record(began.elapsed().as_secs_f64());
    if outcome == Outcome::Failed {
        count_dependency_failure(dependency);
    }
}

/// Counts a dependency's failure that took no time of its own.
pub fn count_dependency_failure(dependency: impl Into<SharedString>) {
    metrics::counter!("ticketctl_dependency_errors_total", "dependency" => dependency.into())
        .increment(1);
}

tokio::task_local! {
    /// The calls made for the request that this task works on, where somebody wants to know.
    static OF_REQUEST: Calls;
}

/// The calls to dependencies that were made for one request. What a background job asks is nobody's. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Calls(Arc<Mutex<Vec<Call>>>);

/// One call to a dependency.
#[derive(Debug, Clone)]
pub struct Call {
    /// Its name, as metrics have it.
    pub dependency: SharedString,
    /// Whether it gave no usable answer.
    pub is_failed: bool,
    began: Instant,
    took: Option<Duration>,
}

/// A call that has begun. Dropped, it was given up.
#[derive(Debug)]
pub struct BegunCall(Option<(Calls, usize)>);

impl Calls {
    /// Does this work, and keeps the calls that are made for it.
    pub async fn keep<T>(self, work: impl Future<Output = T>) -> T {
        OF_REQUEST.scope(self, work).await
    }

    /// This work, for another task to do: its calls go on to be those of the request that this task works on.
    pub fn hand_on<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
        let kept = OF_REQUEST.try_with(Self::clone).ok();
        async move {
            match kept {
                Some(calls) => calls.keep(work).await,
                None => work.await,
            }
        }
    }

    /// Notes that a call begins, where somebody wants to know.
    pub fn begin(dependency: impl Into<SharedString>) -> BegunCall {
        let kept = OF_REQUEST.try_with(Self::clone).ok();
        BegunCall(kept.map(|calls| {
            let (dependency, began) = (dependency.into(), clock::monotonic());
            let call = Call { dependency, is_failed: false, began, took: None };
            let mut made = calls.made();
            made.push(call);
            let index = made.len() - 1;
            drop(made);
            (calls, index)
        }))
    }

    /// Those made so far.
    pub fn so_far(&self) -> Vec<Call> {
        self.made().clone()
    }

    fn made(&self) -> MutexGuard<'_, Vec<Call>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Call {
    /// How long it took, or has taken so far.
    pub fn took(&self) -> Duration {
        self.took.unwrap_or_else(|| self.began.elapsed())
    }
}

impl BegunCall {
    /// Notes that it ended.
    pub fn end(self, outcome: Outcome) {
        if let Some((calls, index)) = &self.0
            && let Some(call) = calls.made().get_mut(*index)
        {
            call.is_failed = outcome == Outcome::Failed;
        }
    }
}

impl Drop for BegunCall {
    fn drop(&mut self) {
        if let Some((calls, index)) = &self.0
            && let Some(call) = calls.made().get_mut(*index)
        {
            call.took = Some(call.began.elapsed());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Calls, Outcome, time_dependency};

    async fn ask(dependency: &'static str, outcome: Outcome) {
        time_dependency(dependency, async {}, |&()| outcome).await;
    }

    #[tokio::test]
    async fn the_calls_of_a_request_are_kept_also_in_its_other_tasks_and_no_job_s_are() {
        let calls = Calls::default();
        let work = async {
            ask("redis-1", Outcome::Failed).await;
            let mut tasks = tokio::task::JoinSet::new();
            tasks.spawn(Calls::hand_on(ask("postgresql", Outcome::Answered)));
            tasks.spawn(ask("payments", Outcome::Answered));
            tasks.join_all().await;
        };
        calls.clone().keep(work).await;
        ask("redis-2", Outcome::Answered).await;
        let kept: Vec<_> = calls.so_far();
        let kept: Vec<_> =
            kept.iter().map(|call| (call.dependency.as_ref(), call.is_failed)).collect();
        assert_eq!(kept, [("redis-1", true), ("postgresql", false)]);
    }

    #[tokio::test]
    async fn a_call_that_has_no_end_has_taken_what_it_has_taken_so_far() {
        let calls = Calls::default();
        let begun = calls.clone().keep(async { Calls::begin("postgresql") }).await;
        let before = calls.so_far()[0].took();
        assert!(calls.so_far()[0].took() > before, "it is under way");
        drop(begun);
        assert_eq!(calls.so_far()[0].took(), calls.so_far()[0].took(), "it was given up");
    }
}
