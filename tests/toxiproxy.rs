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

/// Request line, request body, status, answer's body.
type Exchange<'a> = (&'a str, &'a str, u16, &'a str);

impl Server {
    fn start(arguments: &[&str]) -> Self {
        Self::spawn(&mut command(arguments))
    }

    fn spawn(command: &mut Command) -> Self {
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

    fn get(&self, path: &str) -> String {
        self.send(&format!("GET {path}"), "", "")
    }

    /// Sends a request with these header lines; returns the whole answer.
    fn send(&self, request: &str, headers: &str, body: &str) -> String {
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
    fn expect(&self, headers: &str, (request, body, status, answer): Exchange<'_>) {
        let text = self.send(request, headers, body);
        let (head, found) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{request} {body}: {text}");
        assert_eq!(found, answer, "{request} {body}");
    }

    /// A gauge of the process.
    fn gauge(&self, name: &str) -> u64 {
        let metrics = self.get("/metrics");
        let line = metrics.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap();
        line.rsplit(' ').next().unwrap().parse().unwrap()
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

#[test]
fn the_go_client_gets_what_it_decodes() {
    let server = Server::start(&["--port", "0"]);
    let listen = free_address();
    let proxy = |enabled: bool, toxics: &str| {
        format!(
            r#"{{"name":"db","listen":"{listen}","upstream":"127.0.0.1:1","enabled":{enabled},"toxics":{toxics}}}"#
        )
    };
    let headers = "User-Agent: toxiproxy-cli/v2.12.0 (linux/amd64)\r\nAccept-Encoding: gzip\r\n\
                   Content-Type: application/json\r\n";
    let asked = proxy(true, "null");
    let toxic = r#"{"name":"slow","type":"latency","stream":"downstream","toxicity":1,"attributes":{"latency":100}}"#;
    let made = r#"{"attributes":{"jitter":0,"latency":100},"name":"slow","type":"latency","stream":"downstream","toxicity":1}"#;
    let change = r#"{"attributes":{"jitter":5},"toxicity":0.5}"#;
    let changed = made.replace(r#""jitter":0"#, r#""jitter":5"#).replace(":1}", ":0.5}");
    let with_toxic = proxy(true, &format!("[{changed}]"));
    let populated = format!(r#"{{"proxies":[{with_toxic}]}}"#);
    let missing =
        "{\"error\":\"missing required field: name at proxy 1\",\"status\":400,\"proxies\":[]}";
    for exchange in [
        ("POST /proxies", asked.as_str(), 201, proxy(true, "[]").as_str()),
        ("POST /proxies", &asked, 409, "{\"error\":\"proxy already exists\",\"status\":409}\n"),
        // Enable, disable and save send the whole proxy, by POST in older versions and PATCH in newer ones.
        ("POST /proxies/db", &proxy(false, "null"), 200, &proxy(false, "[]")),
        ("PATCH /proxies/db", &proxy(true, "[]"), 200, &proxy(true, "[]")),
        ("GET /proxies", "", 200, &format!(r#"{{"db":{}}}"#, proxy(true, "[]"))),
        ("POST /proxies/db/toxics", toxic, 200, made),
        ("POST /proxies/db/toxics/slow", change, 200, &changed),
        ("GET /proxies/db/toxics", "", 200, &format!("[{changed}]")),
        ("POST /populate", &format!("[{asked}]"), 201, &populated),
        (
            "POST /populate",
            r#"[{"name":"","listen":"","upstream":"","enabled":false,"toxics":null}]"#,
            400,
            missing,
        ),
        ("DELETE /proxies/db/toxics/slow", "", 204, ""),
        (
            "DELETE /proxies/db/toxics/slow",
            "",
            404,
            "{\"error\":\"toxic not found\",\"status\":404}\n",
        ),
        ("POST /reset", "", 204, ""),
        ("DELETE /proxies/db", "", 204, ""),
        ("GET /proxies/db", "", 404, "{\"error\":\"proxy not found\",\"status\":404}\n"),
    ] {
        server.expect(headers, exchange);
    }
}

#[test]
fn the_ruby_client_gets_what_it_decodes() {
    let server = Server::start(&["--port", "0"]);
    let listen = free_address();
    // What Net::HTTP adds; the type of a body is wrong on purpose.
    let headers = "User-Agent: Ruby\r\nAccept: */*\r\n\
                   Accept-Encoding: gzip;q=1.0,deflate;q=0.6,identity;q=0.3\r\n\
                   Content-Type: application/x-www-form-urlencoded\r\n";
    let create =
        format!(r#"{{"upstream":"localhost:1","name":"db","listen":"{listen}","enabled":true}}"#);
    let view = |enabled: bool| {
        format!(
            r#"{{"name":"db","listen":"{listen}","upstream":"localhost:1","enabled":{enabled},"toxics":[]}}"#
        )
    };
    let populate = format!(r#"[{{"name":"db","upstream":"localhost:1","listen":"{listen}"}}]"#);
    let toxic = r#"{"name":"timeout_upstream","type":"timeout","stream":"upstream","toxicity":1.0,"attributes":{"timeout":10}}"#;
    let made = r#"{"attributes":{"timeout":10},"name":"timeout_upstream","type":"timeout","stream":"upstream","toxicity":1}"#;
    let wrong = "{\"error\":\"invalid toxic type\",\"status\":400}\n";
    for exchange in [
        ("GET /version", "", 200, "{\"version\": \"2.12.0\"}\n"),
        ("POST /proxies", create.as_str(), 201, view(true).as_str()),
        ("POST /populate", &populate, 201, &format!(r#"{{"proxies":[{}]}}"#, view(true))),
        ("POST /proxies/db", r#"{"enabled":false}"#, 200, &view(false)),
        ("POST /proxies/db", r#"{"enabled":true}"#, 200, &view(true)),
        ("POST /proxies/db/toxics", toxic, 200, made),
        ("POST /proxies/db/toxics", r#"{"type":"nope"}"#, 400, wrong),
        ("GET /proxies/db/toxics", "", 200, &format!("[{made}]")),
        ("DELETE /proxies/db/toxics/timeout_upstream", "", 204, ""),
        ("POST /reset", "", 204, ""),
        ("DELETE /proxies/db", "", 204, ""),
    ] {
        server.expect(headers, exchange);
    }
}

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
        let body = format!(r#"{{"type":"{kind}","name":"it","attributes":{{"latency":1}}}}"#);
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

/// An address that was free a moment ago.
fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
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
