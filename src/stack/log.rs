//! Reads the end of a process's log. Knows the words that PostgreSQL, Redis and this program have for errors.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

const TAIL_BYTES_MAX: u64 = 16 * 1024;

/// Bytes that a log has now; 0 when there is none.
pub fn length(log: &Path) -> u64 {
    fs::metadata(log).map_or(0, |data| data.len())
}

/// What a log says from byte `start` on, the last 16 KiB of it; nothing when it cannot be read.
pub fn since(log: &Path, start: u64) -> String {
    let read = || -> io::Result<Vec<u8>> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(start.max(length.saturating_sub(TAIL_BYTES_MAX))))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    String::from_utf8_lossy(&read().unwrap_or_default()).into_owned()
}

/// The last line that is not empty; a word saying so when there is none.
pub fn last_line(text: &str) -> &str {
    text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("(it said nothing)")
}

/// The line that tells the cause rather than its consequences: the last one that speaks of an error at all, else the
/// last one.
pub fn cause(text: &str) -> &str {
    const MARKS: [&str; 5] = ["FATAL:", "PANIC:", "rror:", "FATAL CONFIG", "Permission denied"];
    let speaks_of_error = |line: &&str| MARKS.iter().any(|mark| line.contains(mark));
    text.lines().map(str::trim).rfind(speaks_of_error).unwrap_or_else(|| last_line(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_before_the_last_start_is_left_out() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "old\n").unwrap();
        let start = length(file.path());
        fs::write(file.path(), "old\nnew\n").unwrap();
        assert_eq!(since(file.path(), start), "new\n");
    }
}
