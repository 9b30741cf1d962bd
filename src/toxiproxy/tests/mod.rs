//! Whole-server tests over real sockets. Contents:
//!
//! - `api`: the control API, answer by answer;
//! - `lifecycle`: start, stop, move and count proxies and connections;
//! - `faults`: what each toxic does to live data;
//! - `ends`: how connections begin and end under toxics;
//! - `endurance`: many changes, connections and bytes at once;
//! - `random_calls`: any sequence of calls while data flows.

mod api;
mod lifecycle;
mod faults;
mod ends;
mod endurance;
mod random_calls;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::{Running, Settings, start};

/// Longest any single wait of a test may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// A server, an echo upstream, and a client of the API.
struct Rig {
    running: Running,
    http: reqwest::Client,
    upstream: SocketAddr,
    _tasks: JoinSet<()>,
}

/// An answer of the control API.
#[derive(Debug)]
struct Answer {
    status: u16,
    content_type: String,
    has_request_id: bool,
    body: String,
}

impl Rig {
    async fn new() -> Self {
        Self::seeded(7).await
    }

    async fn seeded(seed: u64) -> Self {
        let settings = Settings {
            host: "127.0.0.1".to_owned(),
            port: 0,
            seed,
            proxy_metrics: true,
            runtime_metrics: false,
            allow_remote: false,
        };
        let running = start(settings).await.unwrap();
        let http = reqwest::Client::builder().no_proxy().timeout(DEADLINE).build().unwrap();
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = socket.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(echo(socket));
        Self { running, http, upstream, _tasks: tasks }
    }

    async fn call(&self, method: &str, path: &str, body: &str) -> Answer {
        let request = self
            .http
            .request(method.parse().unwrap(), format!("{}{path}", self.running.url()))
            .body(body.to_owned());
        read_answer(request).await
    }

    /// Calls, expects success, and returns the JSON body or null.
    async fn ok(&self, method: &str, path: &str, body: &str) -> Value {
        let answer = self.call(method, path, body).await;
        assert!((200..300).contains(&answer.status), "{method} {path} {body}: {answer:?}");
        serde_json::from_str(&answer.body).unwrap_or_default()
    }

    /// Calls, and expects the API's error.
    async fn refuses(&self, (method, path, body): (&str, &str, &str), status: u16, error: &str) {
        let answer = self.call(method, path, body).await;
        let expected = format!("{}\n", json!({ "error": error, "status": status }));
        assert_eq!((answer.status, answer.body), (status, expected), "{method} {path} {body:.99}");
        assert_eq!(answer.content_type, "text/plain; charset=utf-8");
        assert!(answer.has_request_id, "{method} {path}");
    }

    /// A running proxy called `name` in front of the echo server; returns where it listens.
    async fn proxy(&self, name: &str) -> String {
        let upstream = self.upstream.to_string();
        self.proxy_to(name, &upstream).await
    }

    async fn proxy_to(&self, name: &str, upstream: &str) -> String {
        let body = format!(r#"{{"name":"{name}","listen":"127.0.0.1:0","upstream":"{upstream}"}}"#);
        let proxy = self.ok("POST", "/proxies", &body).await;
        proxy["listen"].as_str().unwrap().to_owned()
    }

    async fn add(&self, proxy: &str, toxic: &str) {
        self.ok("POST", &format!("/proxies/{proxy}/toxics"), toxic).await;
    }

    /// The sum of all series of `name` whose labels contain every one of `labels`.
    async fn metric(&self, name: &str, labels: &[&str]) -> u64 {
        let text = self.call("GET", "/metrics", "").await.body;
        let series = text.lines().filter(|line| {
            line.starts_with(&format!("{name}{{"))
                && labels.iter().all(|label| line.contains(label))
        });
        series.map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum()
    }

    /// Waits until so many proxies are listed.
    async fn proxies_reach(&self, wanted: impl Fn(usize) -> bool) {
        let start = Instant::now();
        loop {
            let count = self.ok("GET", "/proxies", "").await.as_object().unwrap().len();
            if wanted(count) {
                return;
            }
            assert!(start.elapsed() < DEADLINE, "{count} proxies, and no more come");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Waits until a metric satisfies `wanted`.
    async fn metric_reaches(&self, name: &str, labels: &[&str], wanted: impl Fn(u64) -> bool) {
        let start = Instant::now();
        loop {
            let value = self.metric(name, labels).await;
            if wanted(value) {
                return;
            }
            assert!(start.elapsed() < DEADLINE, "{name}{labels:?} stays at {value}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

async fn read_answer(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let header =
        |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    Answer {
        status: response.status().as_u16(),
        content_type: header("content-type").unwrap_or_default(),
        has_request_id: header("x-toxiproxy-request-id").is_some_and(|id| id.len() == 20),
        body: response.text().await.unwrap(),
    }
}

/// Sends back what it gets, per connection, until the client has finished.
async fn echo(socket: TcpListener) {
    let mut clients = JoinSet::new();
    while let Ok((mut client, _)) = socket.accept().await {
        client.set_nodelay(true).unwrap();
        clients.spawn(async move {
            let (mut read, mut write) = client.split();
            // A client that is cut off is the point of most tests.
            drop(tokio::io::copy(&mut read, &mut write).await);
        });
    }
}

async fn connect(address: &str) -> TcpStream {
    let stream = within(TcpStream::connect(address)).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Sends `data` and waits for as many bytes back; returns how long that took.
async fn round_trip(stream: &mut TcpStream, data: &[u8]) -> Duration {
    let start = Instant::now();
    stream.write_all(data).await.unwrap();
    let mut back = vec![0; data.len()];
    within(stream.read_exact(&mut back)).await.unwrap();
    assert_eq!(back, data);
    start.elapsed()
}

/// Reads until the stream ends; returns what came and whether it ended with a reset.
async fn drain(stream: &mut TcpStream) -> (Vec<u8>, bool) {
    let mut data = Vec::new();
    let result = within(stream.read_to_end(&mut data)).await;
    let reset = result.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset);
    (data, reset)
}

async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(DEADLINE, future).await.expect("it hangs")
}
