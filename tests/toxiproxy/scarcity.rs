//! Many connections, few files and little time: nothing is left behind, and the control API stays reachable.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::server::{DEADLINE, Server, free_address};

#[test]
fn a_thousand_toxics_and_hundreds_of_connections_leave_nothing_behind() {
    let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = upstream.local_addr().unwrap();
    let echo = std::thread::spawn(move || upstream.incoming().take(CLIENTS).for_each(echo));
    let server = Server::start(&["--port", "0", "--runtime-metrics"]);
    let made = server.send(
        "POST /proxies",
        "",
        &format!(r#"{{"name":"db","listen":"127.0.0.1:0","upstream":"{target}"}}"#),
    );
    let listen = made.split("\"listen\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let files = server.gauge("process_open_fds");
    let tasks = server.gauge("ticketctl_runtime_tasks");
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let listen = listen.clone();
            std::thread::spawn(move || talk(&listen))
        })
        .collect();
    for cycle in 0..1000 {
        let kind = ["latency", "slicer", "packet_loss", "noop", "slow_close"][cycle % 5];
        let attribute = if kind == "packet_loss" { "retransmit" } else { "latency" };
        let body = format!(r#"{{"type":"{kind}","name":"it","attributes":{{"{attribute}":1}}}}"#);
        assert!(server.send("POST /proxies/db/toxics", "", &body).starts_with("HTTP/1.1 200"));
        let gone = server.send("DELETE /proxies/db/toxics/it", "", "");
        assert!(gone.starts_with("HTTP/1.1 204"), "{gone}");
    }
    for client in clients {
        client.join().unwrap();
    }
    echo.join().unwrap();
    let start = Instant::now();
    while (server.gauge("process_open_fds"), server.gauge("ticketctl_runtime_tasks"))
        > (files, tasks)
    {
        assert!(start.elapsed() < DEADLINE, "{}", server.get("/metrics"));
        std::thread::yield_now();
    }
}

/// Connections of the leak test, over its whole time.
const CLIENTS: usize = 200;

/// Round trips on one connection, then its end.
fn talk(listen: &str) {
    let mut stream = TcpStream::connect(listen).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    for _ in 0..20 {
        stream.write_all(&[1; 500]).unwrap();
        stream.read_exact(&mut [0; 500]).unwrap();
    }
}

fn echo(client: std::io::Result<TcpStream>) {
    let mut read = client.unwrap();
    let mut write = read.try_clone().unwrap();
    std::thread::spawn(move || drop(std::io::copy(&mut read, &mut write)));
}

/// A server that may have so many files open.
fn start_with_files(limit: u32, arguments: &str) -> Server {
    let exe = env!("CARGO_BIN_EXE_ticketctl");
    let script = format!("ulimit -n {limit} && exec '{exe}' toxiproxy --port 0 {arguments}");
    let mut shell = Command::new("sh");
    Server::spawn(shell.args(["-c", &script]).stderr(Stdio::piped()))
}

#[test]
fn a_proxy_that_leads_to_itself_leaves_the_api_reachable() {
    let mut server = start_with_files(256, "--proxy-metrics --runtime-metrics");
    let listen = free_address();
    let proxy = format!(r#"{{"name":"loop","listen":"{listen}","upstream":"{listen}"}}"#);
    assert!(server.send("POST /proxies", "", &proxy).starts_with("HTTP/1.1 201"));
    let clients: Vec<_> = (0..20).map(|_| TcpStream::connect(&listen).unwrap()).collect();
    let refused = "ticketctl_proxy_connections_refused_total{proxy=\"loop\"} ";
    let start = Instant::now();
    loop {
        let metrics = server.get("/metrics");
        let line = metrics.lines().find_map(|line| line.strip_prefix(refused)).unwrap();
        if line != "0" {
            break;
        }
        assert!(start.elapsed() < DEADLINE, "{metrics}");
    }
    assert!(server.gauge("process_open_fds") < 250);
    drop(clients);
    assert!(server.send("DELETE /proxies/loop", "", "").starts_with("HTTP/1.1 204"));
    assert_eq!(server.end_with(Signal::TERM), Some(0));
    let mut log = String::new();
    server.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert_eq!(log.matches("raise the limit on open files").count(), 1, "{log}");
}

#[test]
fn running_out_of_files_is_answered_and_the_api_stays_reachable() {
    let server = start_with_files(256, "");
    let list: Vec<_> =
        (0..300).map(|number| format!(r#"{{"name":"p{number}","upstream":"x:1"}}"#)).collect();
    let answer = server.send("POST /populate", "", &format!("[{}]", list.join(",")));
    assert!(answer.starts_with("HTTP/1.1 500"), "{answer:.200}");
    assert!(answer.contains("socket: too many open files"), "{answer:.200}");
    let _idle: Vec<_> = (0..50).map(|_| TcpStream::connect(&server.address).unwrap()).collect();
    let create = server.send("POST /proxies", "", r#"{"name":"more","upstream":"x:1"}"#);
    assert!(create.starts_with("HTTP/1.1 500"), "{create}");
    assert!(server.send("DELETE /proxies/p0", "", "").starts_with("HTTP/1.1 204"));
    let create = server.send("POST /proxies", "", r#"{"name":"more","upstream":"x:1"}"#);
    assert!(create.starts_with("HTTP/1.1 201"), "{create}");
}

#[test]
fn data_cut_into_bytes_leaves_time_for_everything_else() {
    let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = upstream.local_addr().unwrap();
    std::thread::spawn(move || upstream.incoming().for_each(swallow));
    let mut server = Server::start(&["--port", "0"]);
    let proxy = format!(r#"{{"name":"db","listen":"127.0.0.1:0","upstream":"{target}"}}"#);
    let made = server.send("POST /proxies", "", &proxy);
    let listen = made.split("\"listen\":\"").nth(1).unwrap().split('"').next().unwrap();
    let slicer =
        r#"{"type":"slicer","name":"s","stream":"upstream","attributes":{"average_size":1}}"#;
    assert!(server.send("POST /proxies/db/toxics", "", slicer).starts_with("HTTP/1.1 200"));
    for _ in 0..60 {
        let mut client = TcpStream::connect(listen).unwrap();
        std::thread::spawn(move || while client.write_all(&[1; 16_000]).is_ok() {});
    }
    let mut worst = Duration::ZERO;
    let change = r#"{"attributes":{"size_variation":0}}"#;
    for _ in 0..5 {
        let start = Instant::now();
        server.get("/version");
        assert!(server.send("PATCH /proxies/db/toxics/s", "", change).starts_with("HTTP/1.1 200"));
        worst = worst.max(start.elapsed());
    }
    let start = Instant::now();
    assert_eq!(server.end_with(Signal::TERM), Some(0));
    worst = worst.max(start.elapsed());
    assert!(worst < Duration::from_secs(1), "{worst:?}");
}

/// Reads all of a client, on a thread of its own.
fn swallow(client: std::io::Result<TcpStream>) {
    let mut client = client.unwrap();
    std::thread::spawn(move || {
        let mut data = vec![0; 65_536];
        while client.read(&mut data).is_ok_and(|len| len > 0) {}
    });
}
