//! Running the program, and talking to its control API as a client does.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Longest any single wait may take.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// A running `ticketctl toxiproxy`; killed if the test fails.
pub struct Server {
    pub child: Child,
    pub first_line: String,
    pub address: String,
}

/// Request line, request body, status, answer's body.
pub type Exchange<'a> = (&'a str, &'a str, u16, &'a str);

impl Server {
    pub fn start(arguments: &[&str]) -> Self {
        Self::spawn(&mut command(arguments))
    }

    pub fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut first_line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut first_line).unwrap();
        let address = first_line
            .split("http://")
            .nth(1)
            .and_then(|rest| rest.split_whitespace().next())
            .unwrap_or_else(|| panic!("no address in {first_line:?}"))
            .to_owned();
        Self { child, first_line, address }
    }

    pub fn get(&self, path: &str) -> String {
        self.send(&format!("GET {path}"), "", "")
    }

    /// Sends a request with these header lines; returns the whole answer.
    pub fn send(&self, request: &str, headers: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let len = body.len();
        let fixed = format!("Host: x\r\nConnection: close\r\nContent-Length: {len}\r\n");
        write!(stream, "{request} HTTP/1.1\r\n{fixed}{headers}\r\n{body}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Sends what a client would, and compares status and body with what that client takes.
    pub fn expect(&self, headers: &str, (request, body, status, answer): Exchange<'_>) {
        let text = self.send(request, headers, body);
        let (head, found) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{request} {body}: {text}");
        assert_eq!(found, answer, "{request} {body}");
    }

    /// A gauge of the process.
    pub fn gauge(&self, name: &str) -> u64 {
        let metrics = self.get("/metrics");
        let line = metrics.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }

    pub fn end_with(&mut self, signal: Signal) -> Option<i32> {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(start.elapsed() < DEADLINE, "it does not end");
            std::thread::yield_now();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ticketctl"));
    command.arg("toxiproxy").args(arguments);
    command
}

pub fn fails(arguments: &[&str]) -> String {
    let Output { status, stderr, .. } = command(arguments).output().unwrap();
    assert_eq!(status.code(), Some(4));
    String::from_utf8(stderr).unwrap()
}

/// An address that was free a moment ago.
pub fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}
