//! What it says when it starts, what keeps it from starting, and how it ends.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use rustix::process::Signal;

use super::server::{Server, fails};

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
