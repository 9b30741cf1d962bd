//! Reads the end of a process's log, to say why it ended. Knows the words of PostgreSQL, Redis and this program.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::process::ExitStatus;

use anyhow::anyhow;

use super::process::StartError;

const TAIL_BYTES: u64 = 16 * 1024;

/// Bytes that a log has now; 0 when there is none.
pub fn length(log: &Path) -> u64 {
    fs::metadata(log).map_or(0, |data| data.len())
}

/// What a log says from byte `start` on, the last 16 KiB of it; nothing when it cannot be read.
pub fn since(log: &Path, start: u64) -> String {
    let read = || -> io::Result<Vec<u8>> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(start.max(length.saturating_sub(TAIL_BYTES))))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
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

/// The error for a process that ended instead of getting ready, by what it said.
pub fn why_ended(name: &str, status: ExitStatus, text: &str) -> StartError {
    let taken = text.lines().rfind(|line| line.to_lowercase().contains("address already in use"));
    match taken {
        Some(line) => StartError::PortTaken { name: name.to_owned(), line: line.trim().to_owned() },
        None => StartError::Other(anyhow!("{name} ended early ({status}): {}", cause(text))),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn ended(text: &str) -> StartError {
        why_ended("server-1", ExitStatus::from_raw(1 << 8), text)
    }

    #[test]
    fn the_cause_is_quoted_and_not_what_follows_from_it() {
        let error = ended(
            "LOG: starting\nFATAL:  lock file exists\nLOG:  database system is shut down\n\n",
        );
        assert_eq!(
            error.to_string(),
            "server-1 ended early (exit status: 1): FATAL:  lock file exists"
        );
    }

    #[test]
    fn the_last_line_is_quoted_where_none_speaks_of_an_error() {
        assert!(ended("one\ntwo\n\n").to_string().ends_with(": two"));
        assert!(ended("").to_string().ends_with("(it said nothing)"));
    }

    #[test]
    fn a_taken_port_is_told_apart() {
        let line = "LOG:  could not bind IPv4 address \"127.0.0.1\": Address already in use";
        let error = ended(&format!("{line}\nFATAL:  could not create any TCP/IP sockets\n"));
        assert!(matches!(error, StartError::PortTaken { .. }), "{error}");
    }

    #[test]
    fn what_was_said_before_the_last_start_is_left_out() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "old\n").unwrap();
        let start = length(file.path());
        fs::write(file.path(), "old\nnew\n").unwrap();
        assert_eq!(since(file.path(), start), "new\n");
    }
}
