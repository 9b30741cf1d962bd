//! `ticketctl toxiproxy` as a user runs it: the built binary, its output and its signals.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

const DEADLINE: Duration = Duration::from_secs(10);

/// A running `ticketctl toxiproxy`; killed if the test fails.
struct Server {
    child: Child,
    first_line: String,
    address: String,
}

impl Server {
    fn start(arguments: &[&str]) -> Self {
        let mut child = command(arguments).stdout(Stdio::piped()).spawn().unwrap();
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

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn end_with(&mut self, signal: Signal) -> Option<i32> {
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

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ticketctl"));
    command.arg("toxiproxy").args(arguments);
    command
}

fn fails(arguments: &[&str]) -> String {
    let Output { status, stderr, .. } = command(arguments).output().unwrap();
    assert_eq!(status.code(), Some(4));
    String::from_utf8(stderr).unwrap()
}

#[test]
fn it_says_where_it_listens_and_with_which_seed_and_ends_on_signals() {
    for signal in [Signal::INT, Signal::TERM] {
        let mut server = Server::start(&["--port", "0", "--seed", "42"]);
        assert!(server.first_line.contains("seed 42"), "{}", server.first_line);
        assert!(server.address.starts_with("127.0.0.1:"));
        assert!(server.get("/version").ends_with("{\"version\": \"2.12.0\"}\n"));
        assert!(server.get("/metrics").starts_with("HTTP/1.1 404"), "metrics have to be asked for");
        assert_eq!(server.end_with(signal), Some(0));
    }
}

#[test]
fn what_the_process_takes_is_told_when_asked_for() {
    let metrics = Server::start(&["--port", "0", "--runtime-metrics"]).get("/metrics");
    assert!(metrics.contains("\nprocess_open_fds "), "{metrics}");
    assert!(!metrics.contains("toxiproxy_proxy_"), "proxies are shown without being asked for");
}

#[test]
fn a_seed_is_made_up_when_none_is_given() {
    let [one, other] = [0, 1].map(|_| {
        let line = Server::start(&["--port", "0"]).first_line.clone();
        line.split("seed ").nth(1).unwrap().trim().parse::<u64>().unwrap()
    });
    assert_ne!(one, other);
}

#[test]
fn a_config_file_starts_proxies_that_carry_data() {
    let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = tempfile::NamedTempFile::new().unwrap();
    let target = upstream.local_addr().unwrap();
    write!(config, r#"[{{"name":"db","listen":"127.0.0.1:0","upstream":"{target}"}}]"#).unwrap();
    let path = config.path().to_str().unwrap();
    let server = Server::start(&["--port", "0", "--config", path, "--proxy-metrics"]);
    let listing = server.get("/proxies");
    let listen = listing.split("\"listen\":\"").nth(1).unwrap().split('"').next().unwrap();
    let mut client = TcpStream::connect(listen).unwrap();
    client.write_all(b"hello").unwrap();
    let mut received = [0; 5];
    upstream.accept().unwrap().0.read_exact(&mut received).unwrap();
    assert_eq!(&received, b"hello");
    assert!(server.get("/metrics").contains("ticketctl_proxy_connections_total{proxy=\"db\"} 1"));
}

#[test]
fn what_keeps_it_from_starting_is_said() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    assert!(fails(&["--port", &port]).contains(&format!("127.0.0.1:{port}")));
    assert!(fails(&["--port", "0", "--host", "0.0.0.0"]).contains("--allow-remote"));
    assert!(fails(&["--port", "0", "--config", "/nowhere.json"]).contains("/nowhere.json"));
    let mut config = tempfile::NamedTempFile::new().unwrap();
    write!(config, r#"[{{"name":"db"}}]"#).unwrap();
    let path = config.path().to_str().unwrap();
    let error = fails(&["--port", "0", "--config", path]);
    assert!(error.contains("missing required field: upstream at proxy 1"), "{error}");
}
