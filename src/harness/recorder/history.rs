//! The history on disk: one operation a line, in order of completion. Knows nothing of how it came to be.

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write};
use std::path::Path;

use anyhow::Context as _;

use super::Operation;

const BUFFER_BYTES: usize = 256 * 1024;

/// Writes operations as lines of JSON.
#[derive(Debug)]
pub struct HistoryWriter {
    file: BufWriter<File>,
}

impl HistoryWriter {
    /// Makes the file, empty.
    pub fn create(path: &Path) -> anyhow::Result<Self> {
        let file =
            File::create(path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self { file: BufWriter::with_capacity(BUFFER_BYTES, file) })
    }

    /// Adds one line.
    pub fn append(&mut self, operation: &Operation) -> anyhow::Result<()> {
        serde_json::to_writer(&mut self.file, operation)?;
        self.file.write_all(b"\n")?;
        Ok(())
    }

    /// Returns once every line is on disk.
    pub fn close(self) -> anyhow::Result<()> {
        let file = self.file.into_inner().context("cannot write the history, is the disk full?")?;
        file.sync_all().context("cannot write the history to disk")
    }
}

/// Writes a whole history in the place of an older one, which stays until the new one is complete and on disk.
pub fn replace(path: &Path, history: &[Operation]) -> anyhow::Result<()> {
    let unfinished = path.with_extension("jsonl.new");
    let mut writer = HistoryWriter::create(&unfinished)?;
    for operation in history {
        writer.append(operation)?;
    }
    writer.close()?;
    std::fs::rename(&unfinished, path).with_context(|| format!("cannot replace {}", path.display()))
}

/// Reads a history back.
pub fn read(path: &Path) -> anyhow::Result<Vec<Operation>> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let lines = BufReader::with_capacity(BUFFER_BYTES, file).lines().enumerate();
    lines
        .map(|(index, line)| {
            let place =
                || format!("{}:{}: not an operation of this version", path.display(), index + 1);
            serde_json::from_str(&line?).with_context(place)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{read, replace};
    use crate::harness::recorder::fixtures::{hold, user};

    #[test]
    fn a_history_is_read_back_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.jsonl");
        let history = vec![hold(user(1), &[1, 2], 0..10), hold(user(2), &[3], 5..20)];
        replace(&path, &history).unwrap();
        assert_eq!(read(&path).unwrap(), history);
        replace(&path, &history[..1]).unwrap();
        assert_eq!(read(&path).unwrap().len(), 1, "the older history is gone");
    }

    #[test]
    fn a_broken_line_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.jsonl");
        std::fs::write(&path, "{}\n").unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.ends_with("history.jsonl:1: not an operation of this version"), "{error}");
    }
}
