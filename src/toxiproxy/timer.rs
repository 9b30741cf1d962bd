//! Wakes tasks at an exact moment, well below tokio's one-millisecond tick; knows nothing of what they wait for.
//!
//! One thread sleeps on a condition variable until the earliest deadline and wakes the tasks that are due. A tokio sleep
//! would add about a millisecond to every delayed chunk, which is more than some of the delays a test asks for.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long the thread sleeps when nothing is due: any value works, since a new deadline wakes it.
const IDLE: Duration = Duration::from_hours(1);

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
}

#[derive(Default)]
struct Waiting {
    /// Keyed by deadline, then by a number that tells sleepers with one deadline apart.
    sleepers: BTreeMap<(Instant, u64), Waker>,
    next_number: u64,
    stopped: bool,
}

impl TimerThread {
    /// Starts the thread. Fails only where the system refuses another thread.
    pub fn start() -> io::Result<Self> {
        let shared =
            Arc::new(Shared { waiting: Mutex::new(Waiting::default()), changed: Condvar::new() });
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
    /// Completes at `deadline`, typically within 0.1 ms after it.
    pub fn sleep_until(&self, deadline: Instant) -> Sleep {
        Sleep { shared: Arc::clone(&self.shared), deadline, registered: None }
    }
}

/// Waits for one deadline; dropping it forgets the deadline.
pub struct Sleep {
    shared: Arc<Shared>,
    deadline: Instant,
    registered: Option<u64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if Instant::now() >= self.deadline {
            return Poll::Ready(());
        }
        let number = self.shared.register(self.deadline, self.registered, context.waker().clone());
        self.registered = number;
        // A stopped timer wakes nobody: end at once instead of hanging.
        if number.is_some() { Poll::Pending } else { Poll::Ready(()) }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(number) = self.registered {
            self.shared.lock().sleepers.remove(&(self.deadline, number));
        }
    }
}

impl Shared {
    /// The map stays consistent whatever panicked while holding it, so poisoning is not a reason to stop.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn register(&self, deadline: Instant, number: Option<u64>, waker: Waker) -> Option<u64> {
        let mut waiting = self.lock();
        if waiting.stopped {
            return None;
        }
        let number = number.unwrap_or_else(|| {
            waiting.next_number += 1;
            waiting.next_number
        });
        waiting.sleepers.insert((deadline, number), waker);
        let is_first = waiting.sleepers.keys().next() == Some(&(deadline, number));
        drop(waiting);
        if is_first {
            self.changed.notify_one();
        }
        Some(number)
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
