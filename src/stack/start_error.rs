//! Why a process of the stack did not start. Knows what processes log when somebody else has their port.

use std::process::ExitStatus;

use anyhow::anyhow;

use super::log;

/// Why a process did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Somebody was quicker; another port may do.
    #[error("{name} found its port taken: {line}")]
    PortTaken {
        name: String,
        /// What it logged.
        line: String,
    },
    /// Everything else.
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

impl StartError {
    /// For a process that ended instead of getting ready, by what it logged.
    pub fn ended_early(name: &str, status: ExitStatus, text: &str) -> Self {
        let taken =
            text.lines().rfind(|line| line.to_lowercase().contains("address already in use"));
        match taken {
            Some(line) => Self::PortTaken { name: name.to_owned(), line: line.trim().to_owned() },
            None => Self::Other(anyhow!("{name} ended early ({status}): {}", log::cause(text))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn ended(text: &str) -> StartError {
        StartError::ended_early("server-1", ExitStatus::from_raw(1 << 8), text)
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
}
