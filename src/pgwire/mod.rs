//! PostgreSQL's frontend/backend protocol, as far as somebody in the middle needs it: where one message ends and
//! which carry SQL text. Knows no SQL and keeps no state.
//!
//! Source: PostgreSQL 15, "Message Formats" (protocol 3.0). Connections are not encrypted: the stack's servers offer no TLS.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// Largest message taken, in bytes; a longer one is an error, so that a broken length can't exhaust memory.
const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The answer to a request for TLS or GSSAPI that declines it, and after which the start-up message follows in clear.
pub const DECLINED: u8 = b'N';

/// The first message of a connection; it has no type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Startup(Vec<u8>);

impl Startup {
    /// Reads one.
    ///
    /// # Errors
    /// The connection failed or ended, or its length can't be.
    pub async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Self> {
        Ok(Self(read_body(stream).await?))
    }

    /// Whether it asks for encryption (`SSLRequest`, `GSSENCRequest`), which is answered with one byte before the real one follows.
    pub fn asks_for_encryption(&self) -> bool {
        const SSL: [u8; 4] = 80_877_103_u32.to_be_bytes();
        const GSS: [u8; 4] = 80_877_104_u32.to_be_bytes();
        self.0 == SSL || self.0 == GSS
    }

    /// Sends it on.
    pub async fn write(&self, stream: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        stream.write_all(&framed(None, &self.0)).await
    }
}

/// Any later message, of either side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its type: `b'P'` (Parse), `b'Q'` (Query), `b'S'` (Sync), `b'K'` (`BackendKeyData`) ….
    pub kind: u8,
    body: Vec<u8>,
}

impl Message {
    /// Reads one; none at the end of the stream.
    ///
    /// # Errors
    /// The connection failed, ended within a message, or its length can't be.
    pub async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Self>> {
        let mut kind = [0];
        if stream.read(&mut kind).await? == 0 {
            return Ok(None);
        }
        let body = read_body(stream).await?;
        Ok(Some(Self { kind: kind[0], body }))
    }

    /// Sends it on.
    pub async fn write(&self, stream: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        stream.write_all(&framed(Some(self.kind), &self.body)).await
    }

    /// Whether the sender waits for an answer after it: `Query`, `Sync`, `Flush`.
    pub fn awaits_answer(&self) -> bool {
        matches!(self.kind, b'Q' | b'S' | b'H')
    }

    /// Whether it has the server run something: `Query`, `Execute`.
    pub fn runs_something(&self) -> bool {
        matches!(self.kind, b'Q' | b'E')
    }

    /// The name of the prepared statement that a `Parse` makes or a `Bind` uses.
    pub fn statement_name(&self) -> Option<&str> {
        let (start, end) = match self.kind {
            b'P' => (0, self.zero_from(0)?),
            b'B' => {
                let portal = self.zero_from(0)?;
                (portal + 1, self.zero_from(portal + 1)?)
            }
            _ => return None,
        };
        std::str::from_utf8(&self.body[start..end]).ok()
    }

    /// The process id of the backend that serves the connection (`BackendKeyData`), as `pg_blocking_pids` names it.
    pub fn backend_pid(&self) -> Option<i32> {
        let pid = self.body.get(..4).filter(|_| self.kind == b'K')?;
        Some(i32::from_be_bytes(pid.try_into().ok()?))
    }

    /// What `ReadyForQuery` says of the connection's transaction: `b'I'` for none, `b'T'` for one, `b'E'` for one that failed.
    pub fn transaction_status(&self) -> Option<u8> {
        self.body.first().copied().filter(|_| self.kind == b'Z')
    }

    /// The SQL text of a `Query` or a `Parse`.
    pub fn sql(&self) -> Option<&str> {
        let (start, end) = self.sql_range()?;
        std::str::from_utf8(&self.body[start..end]).ok()
    }

    /// The same message with another SQL text; unchanged where it carries none.
    #[must_use]
    pub fn with_sql(mut self, sql: &str) -> Self {
        if let Some((start, end)) = self.sql_range() {
            self.body.splice(start..end, sql.bytes());
        }
        self
    }

    fn sql_range(&self) -> Option<(usize, usize)> {
        match self.kind {
            b'Q' => Some((0, self.zero_from(0)?)),
            b'P' => {
                let start = self.zero_from(0)? + 1;
                Some((start, self.zero_from(start)?))
            }
            _ => None,
        }
    }

    fn zero_from(&self, from: usize) -> Option<usize> {
        Some(from + self.body.get(from..)?.iter().position(|byte| *byte == 0)?)
    }
}

/// The length, which counts itself, and what it announces.
async fn read_body(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let announced = usize::try_from(stream.read_u32().await?).unwrap_or(usize::MAX);
    let length = announced.checked_sub(4).filter(|length| *length <= MESSAGE_BYTES_MAX);
    let length =
        length.ok_or_else(|| io::Error::other(format!("a message of {announced} bytes")))?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(body)
}

fn framed(kind: Option<u8>, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
    let mut bytes = Vec::with_capacity(body.len() + 5);
    bytes.extend(kind);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(body);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read_back(bytes: &[u8]) -> Message {
        Message::read(&mut &bytes[..]).await.unwrap().unwrap()
    }

    fn parse(name: &str, sql: &str) -> Vec<u8> {
        // A statement's name, its text, and no types of parameters.
        framed(Some(b'P'), &[name.as_bytes(), b"\0", sql.as_bytes(), b"\0\0\0"].concat())
    }

    #[tokio::test]
    async fn a_statement_is_read_and_replaced_and_everything_around_it_stays() {
        let read = read_back(&parse("s1", "select 1")).await;
        assert_eq!(read.sql(), Some("select 1"));
        let mut written = Vec::new();
        read.with_sql("select 42").write(&mut written).await.unwrap();
        assert_eq!(written, parse("s1", "select 42"));
        let query = read_back(&framed(Some(b'Q'), b"COMMIT\0")).await.with_sql("ROLLBACK");
        assert_eq!(query.sql(), Some("ROLLBACK"));
    }

    #[tokio::test]
    async fn what_carries_no_statement_passes_unchanged() {
        let bind = framed(Some(b'B'), b"\0s1\0");
        let read = read_back(&bind).await;
        assert_eq!(read.sql(), None);
        let mut written = Vec::new();
        read.with_sql("select 1").write(&mut written).await.unwrap();
        assert_eq!(written, bind);
    }

    #[tokio::test]
    async fn a_request_for_encryption_is_told_from_a_start() {
        let ssl = framed(None, &80_877_103_u32.to_be_bytes());
        assert!(Startup::read(&mut &ssl[..]).await.unwrap().asks_for_encryption());
        let start = framed(None, b"\0\x03\0\0user\0ticketctl\0\0");
        let read = Startup::read(&mut &start[..]).await.unwrap();
        assert!(!read.asks_for_encryption());
        let mut written = Vec::new();
        read.write(&mut written).await.unwrap();
        assert_eq!(written, start);
    }

    #[tokio::test]
    async fn an_end_between_messages_is_an_end_and_one_within_is_an_error() {
        let whole = parse("", "select 1");
        assert_eq!(Message::read(&mut &whole[..0]).await.unwrap(), None);
        assert!(Message::read(&mut &whole[..9]).await.is_err());
        let too_short = [b'Q', 0, 0, 0, 3];
        assert!(Message::read(&mut &too_short[..]).await.is_err());
        let too_long = [b'Q', 0xff, 0, 0, 0];
        assert!(Message::read(&mut &too_long[..]).await.is_err());
    }

    #[tokio::test]
    async fn what_is_run_is_told_from_what_is_prepared_and_named() {
        let prepared = read_back(&parse("s1", "select 1")).await;
        assert_eq!(prepared.statement_name(), Some("s1"));
        assert!(!prepared.runs_something() && !prepared.awaits_answer());
        let bound = read_back(&framed(Some(b'B'), b"\0s1\0\0\0\0\0\0\0")).await;
        assert_eq!(bound.statement_name(), Some("s1"));
        let executed = read_back(&framed(Some(b'E'), b"\0\0\0\0\0")).await;
        assert!(executed.runs_something() && executed.statement_name().is_none());
        let sync = read_back(&framed(Some(b'S'), b"")).await;
        assert!(sync.awaits_answer() && !sync.runs_something());
    }

    #[tokio::test]
    async fn a_server_says_who_it_is_and_where_its_transaction_stands() {
        let key = read_back(&framed(Some(b'K'), &[0, 0, 1, 2, 9, 9, 9, 9])).await;
        assert_eq!((key.backend_pid(), key.transaction_status()), (Some(258), None));
        let ready = read_back(&framed(Some(b'Z'), b"T")).await;
        assert_eq!((ready.backend_pid(), ready.transaction_status()), (None, Some(b'T')));
    }
}
