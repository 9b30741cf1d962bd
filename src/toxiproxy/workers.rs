//! The threads that carry data, each with a runtime of its own; knows nothing of what they carry.
//!
//! A connection stays on one of them, so that no message is handed from thread to thread: on a runtime that shares its tasks out,
//! one thread finds that a message has come, wakes another that is to pass it on, and both look for more to do.

use std::io;
use std::sync::Arc;
use std::thread::{JoinHandle, available_parallelism};

use tokio::runtime::{Builder, Handle, Runtime};
use tokio_util::sync::CancellationToken;

/// More than this are of no use: the kernel's part of a connection runs in the threads of its peers.
const WORKERS_MAX: usize = 8;

/// A cheap handle on the threads.
#[derive(Clone)]
pub struct Workers {
    runtimes: Arc<[Handle]>,
}

/// Owns the threads; dropping it ends them, and with them all that they carry.
pub struct WorkerThreads {
    workers: Workers,
    stop: CancellationToken,
    threads: Vec<JoinHandle<()>>,
}

impl WorkerThreads {
    /// Starts one for each two cores, since the peers of what it carries need some, too. Fails only where the system refuses a thread or a file.
    pub fn start() -> io::Result<Self> {
        let count = (available_parallelism().map_or(1, usize::from) / 2).clamp(1, WORKERS_MAX);
        let runtime = |_| Builder::new_current_thread().enable_all().build();
        let runtimes = (0..count).map(runtime).collect::<io::Result<Vec<_>>>()?;
        let workers =
            Workers { runtimes: runtimes.iter().map(|one| one.handle().clone()).collect() };
        let mut started = Self { workers, stop: CancellationToken::new(), threads: Vec::new() };
        for runtime in runtimes {
            let thread = started.thread(runtime)?;
            started.threads.push(thread);
        }
        Ok(started)
    }

    /// A handle to give them work by.
    pub fn workers(&self) -> Workers {
        self.workers.clone()
    }

    fn thread(&self, runtime: Runtime) -> io::Result<JoinHandle<()>> {
        let stop = self.stop.clone();
        std::thread::Builder::new()
            .name("toxiproxy-worker".to_owned())
            .spawn(move || runtime.block_on(stop.cancelled()))
    }
}

impl Drop for WorkerThreads {
    fn drop(&mut self) {
        self.stop.cancel();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread that carries data panicked");
            }
        }
    }
}

impl Workers {
    /// The one with the fewest tasks.
    pub fn least_busy(&self) -> Option<&Handle> {
        self.runtimes.iter().min_by_key(|runtime| runtime.metrics().num_alive_tasks())
    }

    /// Tasks alive on all of them.
    pub fn tasks(&self) -> usize {
        self.runtimes.iter().map(|runtime| runtime.metrics().num_alive_tasks()).sum()
    }
}
