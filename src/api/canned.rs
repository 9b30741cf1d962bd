//! hyper answers what it can't read by itself: with a status, without a body, and without the headers that every other
//! answer has. This keeps such an answer back, so that another can be sent in its place.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What hyper's own answers have for headers. Ours have others besides.
const HEADERS: [&str; 3] = ["connection", "content-length", "date"];
/// Longest of them, in bytes.
const LENGTH_MAX: usize = 256;

/// A stream that keeps an answer of hyper's own back until something else is written or read, which hyper does not do after
/// it. It is not shut down by hyper, either: there is something left to write.
pub struct Intercept<S> {
    stream: S,
    kept: Vec<u8>,
}

impl<S> Intercept<S> {
    /// Keeps back what is written to `stream`.
    pub fn new(stream: S) -> Self {
        Self { stream, kept: Vec::new() }
    }

    /// The stream, and what was kept back from it.
    pub fn into_parts(self) -> (S, Vec<u8>) {
        (self.stream, self.kept)
    }
}

impl<S: AsyncWrite + Unpin> Intercept<S> {
    /// Writes what was kept back: it was no last word.
    fn poll_release(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.kept.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(context, &self.kept))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.kept.drain(..written);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Intercept<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_release(context))?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Intercept<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_release(context))?;
        let end = match start_of_canned(bytes) {
            Some(0) => {
                self.kept.extend_from_slice(bytes);
                return Poll::Ready(Ok(bytes.len()));
            }
            // The end of an answer that the client was slow to read.
            Some(start) => start,
            None => bytes.len(),
        };
        Pin::new(&mut self.stream).poll_write(context, bytes.get(..end).unwrap_or(bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut filled = parts.iter().filter(|part| !part.is_empty());
        // hyper writes no head before the bodies ahead of it, so that its own answer comes alone.
        if let (Some(only), None) = (filled.next(), filled.next()) {
            return self.poll_write(context, only);
        }
        ready!(self.poll_release(context))?;
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// Where in the bytes hyper's own answer begins, if they end with one.
fn start_of_canned(bytes: &[u8]) -> Option<usize> {
    if !bytes.ends_with(b"\r\n\r\n") {
        return None;
    }
    let tail = bytes.len().saturating_sub(LENGTH_MAX);
    let start = bytes.get(tail..)?.windows(7).rposition(|window| window == b"HTTP/1.")? + tail;
    let head = bytes.get(start..)?;
    let is_refusal = status_of(head).is_some_and(|status| status.is_client_error());
    let is_bare = lines_of(head)
        .all(|(name, value)| HEADERS.contains(&name) && (name != "content-length" || value == "0"));
    (is_refusal && is_bare).then_some(start)
}

/// The status of an answer of hyper's own.
pub fn status_of(canned: &[u8]) -> Option<StatusCode> {
    StatusCode::from_bytes(canned.get("HTTP/1.1 ".len()..)?.get(..3)?).ok()
}

/// The value of one of its headers.
pub fn header<'a>(canned: &'a [u8], name: &str) -> Option<&'a str> {
    lines_of(canned).find(|(of, _)| *of == name).map(|(_, value)| value)
}

/// Its headers' names and values; nothing where a line is no header.
fn lines_of(head: &[u8]) -> impl Iterator<Item = (&str, &str)> {
    let text = std::str::from_utf8(head).unwrap_or("\r\n?").trim_end();
    text.split("\r\n").skip(1).map(|line| line.split_once(": ").unwrap_or((line, "")))
}

#[cfg(test)]
mod tests {
    use std::io::IoSlice;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    const CANNED: &str = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\
        date: Wed, 25 Nov 2026 01:36:42 GMT\r\n\r\n";

    #[test]
    fn nothing_but_an_answer_of_hypers_own_is_one() {
        assert_eq!(start_of_canned(CANNED.as_bytes()), Some(0));
        assert_eq!(start_of_canned(format!("the end of it{CANNED}").as_bytes()), Some(13));
        assert_eq!(status_of(CANNED.as_bytes()), Some(StatusCode::BAD_REQUEST));
        assert_eq!(header(CANNED.as_bytes(), "date"), Some("Wed, 25 Nov 2026 01:36:42 GMT"));
        for other in [
            String::new(),
            "\r\n\r\n".to_owned(),
            format!("{CANNED}x"),
            CANNED.replace("400 Bad Request", "200 OK"),
            CANNED.replace("length: 0", "length: 7"),
            CANNED.replace("date: ", "x-request-id: 7\r\ndate: "),
            CANNED.replace("date: ", "rubbish\r\ndate: "),
        ] {
            assert_eq!(start_of_canned(other.as_bytes()), None, "{other}");
        }
    }

    #[tokio::test]
    async fn it_is_kept_back_and_what_goes_on_is_not() {
        let (ours, mut theirs) = tokio::io::duplex(1024);
        let mut stream = Intercept::new(ours);
        stream.write_all(format!("first{CANNED}").as_bytes()).await.unwrap();
        // Something follows: those bytes were no last word.
        let slices = [IoSlice::new(b"sec"), IoSlice::new(b"ond")];
        assert_eq!(stream.write_vectored(&slices).await.unwrap(), 6);
        let slices = [IoSlice::new(CANNED.as_bytes())];
        assert_eq!(stream.write_vectored(&slices).await.unwrap(), CANNED.len());
        let (ours, kept) = stream.into_parts();
        assert_eq!(kept, CANNED.as_bytes());
        drop(ours);
        let mut sent = String::new();
        theirs.read_to_string(&mut sent).await.unwrap();
        assert_eq!(sent, format!("first{CANNED}second"));
    }

    #[tokio::test]
    async fn it_is_let_go_where_the_connection_goes_on() {
        let (ours, mut theirs) = tokio::io::duplex(1024);
        let mut stream = Intercept::new(ours);
        stream.write_all(CANNED.as_bytes()).await.unwrap();
        theirs.write_all(b"?").await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), b'?');
        let (ours, kept) = stream.into_parts();
        assert!(kept.is_empty());
        drop(ours);
        let mut sent = String::new();
        theirs.read_to_string(&mut sent).await.unwrap();
        assert_eq!(sent, CANNED);
    }
}
