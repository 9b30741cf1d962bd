//! Wakes tasks at an exact moment, well below tokio's one-millisecond tick; knows nothing of what they wait for.
//!
//! One thread sleeps on a condition variable until the earliest deadline and wakes the tasks that are due. A tokio sleep
//! would add about a millisecond to every delayed chunk, which is more than some of the delays a test asks for.
//!
//! Waking the thread, and then the task's worker, takes a fifth of a millisecond and more where both had fallen asleep. So a
//! task is woken early, by some more than wake-ups have needed of late, and yields to the others until its deadline has
//! come. What that costs is bounded: [`LEAD_MAX`], a quarter of the time waited for, and [`SPINNERS_MAX`] tasks at a time; and on a
//! busy machine, where nothing had fallen asleep, it is next to nothing.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long the thread sleeps when nothing is due: any value works, since a new deadline wakes it.
const IDLE: Duration = Duration::from_hours(1);
/// How much too early a task is woken at most.
const LEAD_MAX: Duration = Duration::from_micros(600);
/// Tasks that pass the rest of their time awake; with more of them the workers are busy, and wake-ups are quick anyway.
const SPINNERS_MAX: usize = 2;
/// What a wake-up is taken to need before the first of them, and how many earlier ones the latest is weighed against.
const FIRST_LATENESS: Duration = Duration::from_micros(200);
const MEMORY: u64 = 8;

/// A cheap handle on the timer thread.
#[derive(Clone)]
pub struct Timer {
    shared: Arc<Shared>,
}

/// Owns the timer thread; dropping it stops the thread, after which every sleeper is woken and ends on time or late.
pub struct TimerThread {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    next_number: AtomicU64,
    spinners: AtomicUsize,
    /// How late wake-ups have come of late, ns.
    lateness_ns: AtomicU64,
}

#[derive(Default)]
struct Waiting {
    /// Keyed by when to wake them, then by a number that tells sleepers with one such moment apart.
    sleepers: BTreeMap<(Instant, u64), Waker>,
    stopped: bool,
}

impl TimerThread {
    /// Starts the thread. Fails only where the system refuses another thread.
    pub fn start() -> io::Result<Self> {
        let shared = Arc::new(Shared {
            waiting: Mutex::new(Waiting::default()),
            changed: Condvar::new(),
            next_number: AtomicU64::new(0),
            spinners: AtomicUsize::new(0),
            lateness_ns: AtomicU64::new(nanoseconds(FIRST_LATENESS)),
        });
        let for_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("toxiproxy-timer".to_owned())
            .spawn(move || for_thread.run())?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// A handle to sleep with.
    pub fn timer(&self) -> Timer {
        Timer { shared: Arc::clone(&self.shared) }
    }
}

impl Drop for TimerThread {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the timer thread panicked");
        }
    }
}

impl Timer {
    /// Completes at `deadline`, never before it and on an idle machine within some microseconds after it.
    pub fn sleep_until(&self, deadline: Instant) -> Sleep {
        Sleep { shared: Arc::clone(&self.shared), deadline, state: State::New }
    }
}

/// Waits for one deadline; dropping it forgets the deadline.
pub struct Sleep {
    shared: Arc<Shared>,
    deadline: Instant,
    state: State,
}

#[derive(Clone, Copy)]
enum State {
    New,
    /// The thread wakes the task at this moment; the number is the sleeper's.
    Registered(Instant, u64),
    /// The task wakes itself, again and again.
    Spinning,
}

impl Sleep {
    /// What to do with the time from `now` to the deadline.
    fn plan(&self, now: Instant) -> State {
        match self.state {
            State::New => {
                let number = self.shared.next_number.fetch_add(1, Ordering::Relaxed);
                let left = self.deadline.saturating_duration_since(now);
                let early = self.shared.lead().min(left / 4);
                State::Registered(now + left.saturating_sub(early), number)
            }
            State::Registered(at, number) if at <= now => {
                self.shared.learn(now - at);
                if self.shared.may_spin() {
                    State::Spinning
                } else {
                    State::Registered(self.deadline, number)
                }
            }
            planned => planned,
        }
    }

    /// Undoes what the state took of what all sleepers share.
    fn leave(&mut self) {
        match std::mem::replace(&mut self.state, State::New) {
            State::New => {}
            State::Registered(at, number) => {
                self.shared.lock().sleepers.remove(&(at, number));
            }
            State::Spinning => {
                self.shared.spinners.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let now = Instant::now();
        if now >= self.deadline {
            return Poll::Ready(());
        }
        self.state = self.plan(now);
        match self.state {
            State::Registered(at, number) => {
                // A stopped timer wakes nobody: end at once instead of hanging.
                if !self.shared.register(at, number, context.waker().clone()) {
                    return Poll::Ready(());
                }
            }
            State::New | State::Spinning => context.waker().wake_by_ref(),
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Shared {
    /// The map stays consistent whatever panicked while holding it, so poisoning is not a reason to stop.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Three times what a wake-up needs: so nearly all come in time, and the machine is wide awake when the task goes on.
    fn lead(&self) -> Duration {
        let needed = Duration::from_nanos(self.lateness_ns.load(Ordering::Relaxed));
        (needed * 3).min(LEAD_MAX)
    }

    /// A wake-up came `late`. Of two that are noted at the same time one may get lost.
    fn learn(&self, late: Duration) {
        let late = nanoseconds(late.min(LEAD_MAX));
        let mean = self.lateness_ns.load(Ordering::Relaxed);
        self.lateness_ns.store((mean * (MEMORY - 1) + late) / MEMORY, Ordering::Relaxed);
    }

    /// Whether another task may pass its time awake; it is counted then.
    fn may_spin(&self) -> bool {
        let more = |count| (count < SPINNERS_MAX).then_some(count + 1);
        self.spinners.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    /// Has `waker` woken at `at`; false once the timer has stopped.
    fn register(&self, at: Instant, number: u64, waker: Waker) -> bool {
        let mut waiting = self.lock();
        if waiting.stopped {
            return false;
        }
        waiting.sleepers.insert((at, number), waker);
        let is_first = waiting.sleepers.keys().next() == Some(&(at, number));
        drop(waiting);
        if is_first {
            self.changed.notify_one();
        }
        true
    }

    fn run(&self) {
        sharpen_this_thread();
        let mut waiting = self.lock();
        while !waiting.stopped {
            let now = Instant::now();
            let later = waiting.sleepers.split_off(&(now, u64::MAX));
            let due = std::mem::replace(&mut waiting.sleepers, later);
            if due.is_empty() {
                let pause = waiting
                    .sleepers
                    .keys()
                    .next()
                    .map_or(IDLE, |(deadline, _)| deadline.saturating_duration_since(now));
                let woken = self.changed.wait_timeout(waiting, pause);
                waiting = woken.unwrap_or_else(PoisonError::into_inner).0;
            } else {
                drop(waiting);
                due.into_values().for_each(Waker::wake);
                waiting = self.lock();
            }
        }
        let left = std::mem::take(&mut waiting.sleepers);
        drop(waiting);
        left.into_values().for_each(Waker::wake);
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Linux rounds a thread's sleeps up by 50 µs unless told otherwise.
#[cfg(target_os = "linux")]
fn sharpen_this_thread() {
    if let Err(error) = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1)) {
        tracing::debug!(%error, "timers keep the system's default slack");
    }
}

#[cfg(not(target_os = "linux"))]
fn sharpen_this_thread() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn sleepers_wake_in_order_of_their_deadlines() {
        let thread = TimerThread::start().unwrap();
        let start = Instant::now();
        let order = Mutex::new(Vec::new());
        let sleep = async |ms: u64| {
            thread.timer().sleep_until(start + Duration::from_millis(ms)).await;
            assert!(start.elapsed() >= Duration::from_millis(ms), "woken before {ms} ms");
            order.lock().unwrap().push(ms);
        };
        tokio::join!(sleep(30), sleep(10), sleep(20), sleep(0));
        assert_eq!(*order.lock().unwrap(), [0, 10, 20, 30]);
    }

    #[tokio::test]
    async fn a_dropped_sleep_is_forgotten() {
        let thread = TimerThread::start().unwrap();
        let sleep = thread.timer().sleep_until(Instant::now() + IDLE);
        let waited = tokio::time::timeout(Duration::from_millis(5), sleep).await;
        assert!(waited.is_err());
        assert!(thread.shared.lock().sleepers.is_empty());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn only_so_many_stay_awake_and_each_makes_room_again() {
        let thread = TimerThread::start().unwrap();
        let timer = thread.timer();
        let shared = &thread.shared;
        let deadline = Instant::now() + Duration::from_millis(20);
        let mut awake: Vec<_> = (0..=SPINNERS_MAX).map(|_| timer.sleep_until(deadline)).collect();
        for sleep in &mut awake {
            sleep.state = State::Registered(Instant::now(), 0);
            sleep.state = sleep.plan(Instant::now());
        }
        let (last, spinning) = awake.split_last().unwrap();
        assert!(spinning.iter().all(|sleep| matches!(sleep.state, State::Spinning)));
        assert!(matches!(last.state, State::Registered(at, _) if at == deadline));
        assert_eq!(shared.spinners.load(Ordering::Relaxed), SPINNERS_MAX);
        for sleep in awake {
            sleep.await;
            assert!(Instant::now() >= deadline);
        }
        assert_eq!(shared.spinners.load(Ordering::Relaxed), 0);
        assert!(shared.lock().sleepers.is_empty());
    }

    #[test]
    fn the_lead_follows_how_late_wake_ups_are() {
        let thread = TimerThread::start().unwrap();
        let shared = &thread.shared;
        (0..100).for_each(|_| shared.learn(Duration::ZERO));
        assert!(shared.lead() < Duration::from_micros(1), "{:?}", shared.lead());
        (0..100).for_each(|_| shared.learn(Duration::from_micros(100)));
        assert!((290..=300).contains(&shared.lead().as_micros()), "{:?}", shared.lead());
        (0..100).for_each(|_| shared.learn(Duration::from_secs(1)));
        assert!((590..=600).contains(&shared.lead().as_micros()), "{:?}", shared.lead());
    }

    #[tokio::test]
    async fn stopping_the_thread_releases_its_sleepers() {
        let thread = TimerThread::start().unwrap();
        let timer = thread.timer();
        let sleep = timer.sleep_until(Instant::now() + IDLE);
        let stop = async {
            tokio::task::yield_now().await;
            drop(thread);
        };
        tokio::time::timeout(Duration::from_secs(5), async { tokio::join!(sleep, stop) })
            .await
            .unwrap();
        timer.sleep_until(Instant::now() + IDLE).await;
    }
}
