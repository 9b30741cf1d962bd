//! What the control API refuses, in the words Toxiproxy's clients compare; knows no HTTP.

use std::io;

use rustix::io::Errno;
use thiserror::Error;

/// A refused request. The texts are part of the protocol.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Error {
    #[error("bad request body: {0}")]
    BadBody(String),
    #[error("missing required field: {0}")]
    MissingField(&'static str),
    #[error("missing required field: {field} at proxy {position}")]
    MissingFieldAt { field: &'static str, position: usize },
    #[error("{field} is too long, at most {most} bytes are taken")]
    TooLong { field: &'static str, most: usize },
    #[error("request body is too long, at most {most} bytes are taken")]
    BodyTooLong { most: usize },
    #[error("stream was invalid, can be either upstream or downstream")]
    InvalidStream,
    #[error("invalid toxic type")]
    InvalidType,
    #[error("proxy not found")]
    ProxyNotFound,
    #[error("toxic not found")]
    ToxicNotFound,
    #[error("proxy already exists")]
    ProxyExists,
    #[error("toxic already exists")]
    ToxicExists,
    #[error("{0} is not a loopback address; listen on 127.0.0.1, or start with --allow-remote")]
    Remote(String),
    #[error("request took too long; what it asked for goes on, read it back")]
    Late,
    #[error("request failed, which is a defect of this server; its log says more")]
    Defect,
    /// The listen address cannot be used; the text is complete.
    #[error("{0}")]
    Listen(String),
}

impl Error {
    /// The text Go's `net` gives when there is no socket left to listen with.
    pub fn no_socket(address: impl std::fmt::Display) -> Self {
        Self::Listen(format!("listen tcp {address}: socket: too many open files"))
    }

    /// Go says what it was about where listening follows at once.
    #[must_use]
    pub fn while_listening(self) -> Self {
        match self {
            Self::Listen(text) => Self::Listen(format!("listen tcp: {text}")),
            other => other,
        }
    }

    /// The text Go's `net` gives for a failed bind.
    pub fn bind(address: impl std::fmt::Display, error: &io::Error) -> Self {
        let reason = match error.kind() {
            io::ErrorKind::AddrInUse => "address already in use".to_owned(),
            io::ErrorKind::AddrNotAvailable => "cannot assign requested address".to_owned(),
            io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
            _ if error.raw_os_error() == Some(Errno::MFILE.raw_os_error()) => {
                return Self::no_socket(address);
            }
            _ => error.to_string(),
        };
        Self::Listen(format!("listen tcp {address}: bind: {reason}"))
    }
}
