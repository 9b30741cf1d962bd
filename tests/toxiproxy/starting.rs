//! What it says when it starts, what keeps it from starting, and how it ends.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::Instant;

use rustix::process::Signal;

use super::server::{DEADLINE, Server, command, fails};

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
    assert!(fails(&["--port", "0", "--config", "/nowhere.json"]).contains("/nowhere.json"));
    let mut config = tempfile::NamedTempFile::new().unwrap();
    write!(config, r#"[{{"name":"db"}}]"#).unwrap();
    let path = config.path().to_str().unwrap();
    let error = fails(&["--port", "0", "--config", path]);
    assert!(error.contains("missing required field: upstream at proxy 1"), "{error}");
}

#[test]
fn flags_may_have_one_dash_as_those_of_go_have() {
    let flags = ["-host", "127.0.0.1", "-port=0", "-seed", "42"];
    for (metrics, shows) in [
        (["-proxy-metrics", "-runtime-metrics=false"], "ticketctl_proxy_"),
        (["--proxy-metrics=F", "-runtime-metrics=1"], "process_open_fds"),
    ] {
        let server = Server::start(&[&flags[..], &metrics].concat());
        assert!(server.first_line.ends_with(" with seed 42\n"), "{}", server.first_line);
        server.send("POST /proxies", "", r#"{"name":"db","upstream":"127.0.0.1:1"}"#);
        let text = server.get("/metrics");
        for name in ["ticketctl_proxy_", "process_open_fds"] {
            assert_eq!(text.contains(name), name == shows, "{metrics:?}: {text}");
        }
    }
}

#[test]
fn what_no_server_can_be_started_with_is_said_and_help_is_only_for_those_who_ask() {
    for (arguments, code, says) in [
        (["-version"].as_slice(), 0, "toxiproxy-server version 2.12.0\n"),
        (&["--version"], 0, "toxiproxy-server version 2.12.0\n"),
        (&["-h"], 0, "Usage: "),
        (&["-help"], 0, "Usage: "),
        (&["-hots", "127.0.0.1"], 2, "unexpected argument '--hots'"),
        (&["-port", "many"], 2, "--port"),
        (&["-port"], 2, "--port"),
        (&["-proxy-metrics=perhaps"], 2, "--proxy-metrics"),
    ] {
        let output = command(arguments).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8(text).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
        assert!(text.contains(says), "{arguments:?}: {text}");
    }
}

#[test]
fn under_the_originals_name_it_is_the_fault_proxy() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("toxiproxy-server");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_ticketctl"), &link).unwrap();
    let server = Server::spawn(Command::new(link).args(["-port", "0"]));
    assert!(server.get("/version").ends_with("{\"version\": \"2.12.0\"}\n"));
}

#[test]
fn an_address_that_others_can_reach_is_served_where_it_is_asked_for_and_warned_of() {
    let mut server =
        Server::spawn(command(&["-host", "0.0.0.0", "-port", "0"]).stderr(Stdio::piped()));
    assert!(server.address.starts_with("0.0.0.0:"), "{}", server.address);
    let proxy = r#"{"name":"db","listen":"0.0.0.0:0","upstream":"127.0.0.1:1"}"#;
    assert!(server.send("POST /proxies", "", proxy).starts_with("HTTP/1.1 201 "));
    let start = Instant::now();
    let mut warning = String::new();
    BufReader::new(server.child.stderr.as_mut().unwrap()).read_line(&mut warning).unwrap();
    assert!(warning.contains("other machines"), "{warning}");
    assert!(start.elapsed() < DEADLINE);

    let server = Server::start(&["-port", "0"]);
    let answer = server.send("POST /proxies", "", proxy);
    assert!(answer.contains("--allow-remote"), "{answer}");
}
