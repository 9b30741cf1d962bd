//! The one task that writes down what the clients saw. Clients hand operations over through a bounded queue and wait
//! when it is full: nothing is dropped. Knows nothing of what is done with the record.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::history::HistoryWriter;
use super::interval_log::{IntervalLog, LogFile};
use super::{Epoch, Latencies, Live, Operation};

/// Operations that may wait to be written.
const QUEUE_MAX: usize = 4096;
/// Operations taken from the queue at once.
const BATCH_MAX: usize = 256;
/// Length of an interval of the latency log.
const INTERVAL: Duration = Duration::from_secs(1);

/// Where the record goes.
#[derive(Debug, Clone)]
pub struct Files {
    /// `history.jsonl`.
    pub history: PathBuf,
    /// `latency.hlog`.
    pub latency: PathBuf,
}

/// What clients hold: takes finished operations.
#[derive(Debug, Clone)]
pub struct Recorder {
    queue: mpsc::Sender<Entry>,
    live: Arc<Live>,
}

#[derive(Debug)]
enum Entry {
    Ended(Box<Operation>),
    Finish,
}

/// Everything recorded.
#[derive(Debug)]
pub struct Recorded {
    /// Every operation, in order of completion.
    pub history: Vec<Operation>,
    /// How long they took.
    pub latencies: Latencies,
}

/// The recording under way.
#[derive(Debug)]
pub struct Recording {
    recorder: Recorder,
    task: JoinSet<anyhow::Result<Recorded>>,
}

impl Recording {
    /// Makes the files and starts to write.
    pub fn start(files: &Files, epoch: Epoch) -> anyhow::Result<Self> {
        let (queue, entries) = mpsc::channel(QUEUE_MAX);
        let history = HistoryWriter::create(&files.history)?;
        let latency = LogFile::create(&files.latency)?;
        let mut task = JoinSet::new();
        task.spawn(write_down(entries, history, latency, epoch));
        Ok(Self { recorder: Recorder { queue, live: Arc::default() }, task })
    }

    /// A handle for clients.
    pub fn recorder(&self) -> Recorder {
        self.recorder.clone()
    }

    /// Ends the recording: everything handed over before is on disk when this returns.
    pub async fn finish(mut self) -> anyhow::Result<Recorded> {
        // A closed queue means that the task ended early; joining it tells why.
        let asked = self.recorder.queue.send(Entry::Finish).await;
        let recorded = self.task.join_next().await.context("the recorder did not run")??;
        asked.ok().context("the recorder ended before it was asked to")?;
        recorded
    }
}

impl Recorder {
    /// Takes a finished operation; waits while the queue is full. False when the recording has ended, and the
    /// operation is not in it.
    pub async fn record(&self, operation: Operation) -> bool {
        self.queue.send(Entry::Ended(Box::new(operation))).await.is_ok()
    }

    /// The counters.
    pub fn live(&self) -> &Arc<Live> {
        &self.live
    }
}

async fn write_down(
    mut entries: mpsc::Receiver<Entry>,
    mut history: HistoryWriter,
    mut latency: LogFile,
    epoch: Epoch,
) -> anyhow::Result<Recorded> {
    let mut recorded = Recorded { history: Vec::new(), latencies: Latencies::new() };
    let mut log = IntervalLog::begin(&mut latency, &epoch)?;
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut batch = Vec::with_capacity(BATCH_MAX);
    loop {
        let taken = tokio::select! {
            taken = entries.recv_many(&mut batch, BATCH_MAX) => taken,
            _ = ticks.tick() => {
                log.rotate(epoch.now_us())?;
                continue;
            }
        };
        for entry in batch.drain(..) {
            match entry {
                // From here on nothing is taken in; what waits in the queue is still written.
                Entry::Finish => entries.close(),
                Entry::Ended(operation) => {
                    history.append(&operation)?;
                    log.record(operation.op, recorded.latencies.record(&operation));
                    recorded.history.push(*operation);
                }
            }
        }
        if taken == 0 {
            break;
        }
    }
    log.rotate(epoch.now_us())?;
    drop(log);
    latency.close()?;
    history.close()?;
    recorded.history.sort_by_key(|operation| operation.completed_us);
    Ok(recorded)
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    use super::{Files, Recorder, Recording};
    use crate::harness::recorder::fixtures::{hold, user};
    use crate::harness::recorder::{Epoch, OpKind, Operation, history};

    #[tokio::test]
    async fn everything_handed_over_is_on_disk_in_the_histograms_and_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files {
            history: folder.path().join("history.jsonl"),
            latency: folder.path().join("latency.hlog"),
        };
        let recording = Recording::start(&files, Epoch::begin()).unwrap();
        let mut clients = tokio::task::JoinSet::new();
        for client in 0..8_u64 {
            let recorder = recording.recorder();
            clients.spawn(record_a_thousand(recorder, client));
        }
        clients.join_all().await;
        let late = recording.recorder();
        let recorded = recording.finish().await.unwrap();

        assert_eq!(recorded.history.len(), 8_000);
        assert!(recorded.history.is_sorted_by_key(|operation| operation.completed_us));
        assert_eq!(recorded.latencies.of(OpKind::Hold).latency.len(), 8_000);
        let mut on_disk: Vec<Operation> = history::read(&files.history).unwrap();
        on_disk.sort_by_key(|operation| (operation.completed_us, operation.user));
        let mut in_memory = recorded.history;
        in_memory.sort_by_key(|operation| (operation.completed_us, operation.user));
        assert_eq!(on_disk, in_memory);
        assert_eq!(in_the_log(&files.latency), 8_000);
        assert!(!late.record(hold(user(1), &[1], 0..1)).await, "the recording has ended");
    }

    async fn record_a_thousand(recorder: Recorder, client: u64) {
        for step in 0..1_000 {
            let began_us = client + step * 100;
            assert!(recorder.record(hold(user(client), &[1], began_us..began_us + 5_000)).await);
        }
    }

    fn in_the_log(path: &std::path::Path) -> u64 {
        use base64::Engine as _;
        let text = std::fs::read(path).unwrap();
        let mut deserializer = Deserializer::new();
        let mut recorded = 0;
        for entry in IntervalLogIterator::new(&text) {
            let LogEntry::Interval(interval) = entry.unwrap() else { continue };
            assert_eq!(interval.tag().unwrap().as_str(), "hold");
            let bytes = base64::engine::general_purpose::STANDARD
                .decode(interval.encoded_histogram())
                .unwrap();
            let histogram =
                deserializer.deserialize::<u64, _>(&mut BufReader::new(&bytes[..])).unwrap();
            recorded += histogram.len();
        }
        recorded
    }
}
