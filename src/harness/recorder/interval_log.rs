//! `latency.hlog`: latencies second by second in the HdrHistogram interval log format (V2, compressed), one histogram
//! for each operation, readable by HdrHistogram's own tools. Knows nothing of what ends a run.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriter, IntervalLogWriterBuilder, Tag};

use super::latencies::histogram;
use super::{Epoch, OpKind};

/// What the log is written into; outlives the [`IntervalLog`] that borrows it.
pub struct LogFile {
    file: BufWriter<File>,
    serializer: V2DeflateSerializer,
}

impl LogFile {
    /// Makes the file, empty.
    pub fn create(path: &Path) -> anyhow::Result<Self> {
        let file =
            File::create(path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self { file: BufWriter::new(file), serializer: V2DeflateSerializer::new() })
    }

    /// Returns once everything is on disk.
    pub fn close(self) -> anyhow::Result<()> {
        let file =
            self.file.into_inner().context("cannot write the latency log, is the disk full?")?;
        file.sync_all().context("cannot write the latency log to disk")
    }
}

/// The log being written. Values are microseconds; the maximum in each line's text is in milliseconds.
pub struct IntervalLog<'a> {
    writer: IntervalLogWriter<'a, 'a, BufWriter<File>, V2DeflateSerializer>,
    by_op: [Histogram<u64>; OpKind::ALL.len()],
    began_us: u64,
}

impl<'a> IntervalLog<'a> {
    /// Writes the head.
    pub fn begin(file: &'a mut LogFile, epoch: &Epoch) -> anyhow::Result<Self> {
        let writer = IntervalLogWriterBuilder::new()
            .add_comment("latency in microseconds from the intended start, one tag an operation")
            .with_start_time(epoch.wall())
            .with_base_time(epoch.wall())
            .with_max_value_divisor(1000.0)
            .begin_log_with(&mut file.file, &mut file.serializer)?;
        Ok(Self { writer, by_op: std::array::from_fn(|_| histogram()), began_us: epoch.now_us() })
    }

    /// Adds one latency to the interval.
    pub fn record(&mut self, op: OpKind, latency_us: u64) {
        self.by_op[op as usize].saturating_record(latency_us);
    }

    /// Writes the interval that ends now, a line for each operation that has anything in it, and begins the next.
    pub fn rotate(&mut self, now_us: u64) -> anyhow::Result<()> {
        let start = Duration::from_micros(self.began_us);
        let length = Duration::from_micros(now_us.saturating_sub(self.began_us));
        for op in OpKind::ALL {
            let measured = &mut self.by_op[op as usize];
            if measured.is_empty() {
                continue;
            }
            let written = self.writer.write_histogram(measured, start, length, Tag::new(op.name()));
            written.map_err(|error| anyhow::anyhow!("cannot write the latency log: {error:?}"))?;
            measured.reset();
        }
        self.began_us = now_us;
        Ok(())
    }
}
