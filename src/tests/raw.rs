//! A client that sends bytes as they are, for requests that no library would make.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::app::TestApp;

/// Sends bytes as they are, and reads until the server closes.
pub async fn raw(app: &TestApp, bytes: &[u8], within: Duration) -> String {
    let mut stream = TcpStream::connect(app.url.trim_start_matches("http://")).await.unwrap();
    // A server that has read enough may close before everything was sent.
    let _sent = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let read = tokio::time::timeout(within, stream.read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "the server kept the connection");
    String::from_utf8_lossy(&answer).into_owned()
}
