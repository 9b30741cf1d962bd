//! `ticketctl bench toxiproxy`: measures how exact the fault proxy's delays and rates are on this machine; knows it only
//! by its control API and its listeners.

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use comfy_table::{Table, presets};

use crate::cli::bench::peers::{self, Echoed, Upstream};
use crate::cli::output;
use crate::harness::proxy_control::{ProxyControl, ProxySpec, ToxicSpec};
use crate::toxiproxy::{self, Settings};

/// Measure how exact the fault proxy's delays and rates are here
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Round trips measured for each delay
    #[arg(long, default_value_t = 100)]
    round_trips: usize,
    /// Data sent through for each rate, MB
    #[arg(long, default_value_t = 512)]
    bulk_mb: u64,
    /// Connections held open at once
    #[arg(long, default_value_t = 1000)]
    connections: usize,
}

const PROXY: &str = "bench";
const MB: u64 = 1_000_000;

/// The proxy under test, and what was found so far.
struct Bench {
    control: ProxyControl,
    listen: SocketAddr,
    table: Table,
}

pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let running = toxiproxy::start(Settings {
        host: "127.0.0.1".to_owned(),
        port: 0,
        seed: 7,
        proxy_metrics: true,
        runtime_metrics: false,
        allow_remote: false,
    })
    .await?;
    let upstream = Upstream::start()?;
    let control = ProxyControl::connect(&running.url()).await?;
    let spec = ProxySpec {
        name: PROXY.to_owned(),
        listen: "127.0.0.1:0".to_owned(),
        upstream: upstream.address().to_string(),
    };
    let bound = control.populate(&[spec]).await?;
    let mut table = Table::new();
    table.load_style(presets::NOTHING).force_no_tty();
    table.set_header(["what", "asked", "measured"]);
    let mut bench = Bench { control, listen: bound[0].listen.parse()?, table };
    bench.delays(args.round_trips).await?;
    bench.rates().await?;
    bench.bulk(args.bulk_mb * MB).await?;
    bench.connections(args.connections).await?;
    output::data(&bench.table);
    running.shutdown().await;
    Ok(ExitCode::SUCCESS)
}

impl Bench {
    async fn delays(&mut self, count: usize) -> anyhow::Result<()> {
        let mut base = Duration::ZERO;
        // Between two messages of an idle connection every thread falls asleep: what waking them costs, a delayed message
        // pays as well, and it is no error of the proxy.
        for pause_ms in [20, 0] {
            let plain = self.round_trips(count, Duration::from_millis(pause_ms)).await?;
            base = percentile(&plain, 50);
            let text = format!("p50 {} ms, p99 {} ms", ms(base), ms(percentile(&plain, 99)));
            self.row(&format!("round trips, {pause_ms} ms apart"), "no toxic", &text);
        }
        for asked_ms in [1, 5, 10, 20, 50, 100] {
            self.set("latency", "downstream", &[("latency", asked_ms)]).await?;
            let times = self.round_trips(count, Duration::ZERO).await?;
            let asked = Duration::from_millis(asked_ms.unsigned_abs());
            let [p50, p99] = [50, 99].map(|percent| {
                let off = percentile(&times, percent).as_secs_f64() - (base + asked).as_secs_f64();
                format!("{:+.3}", off * 1e3)
            });
            let text = format!("added - asked: p50 {p50} ms, p99 {p99} ms");
            self.row("latency", &format!("{asked_ms} ms"), &text);
        }
        self.set("latency", "downstream", &[("latency", 10), ("jitter", 10)]).await?;
        let times = self.round_trips(count, Duration::ZERO).await?;
        let [low, middle, high] = [0, 50, 100].map(|percent| ms(percentile(&times, percent)));
        let text = format!("min {low} ms, p50 {middle} ms, max {high} ms");
        self.row("latency with jitter", "10 +/- 10 ms", &text);
        self.control.reset().await
    }

    async fn rates(&mut self) -> anyhow::Result<()> {
        for rate in [100, 1000, 10_000, 100_000] {
            self.set("bandwidth", "upstream", &[("rate", rate)]).await?;
            let len = rate.unsigned_abs() * 1000;
            let measured = self.send(len).await? / 1e3;
            self.row("bandwidth", &format!("{rate} kB/s"), &format!("{measured:.0} kB/s"));
        }
        Ok(())
    }

    async fn bulk(&mut self, len: u64) -> anyhow::Result<()> {
        for latency in [None, Some(50), Some(200)] {
            let asked = match latency {
                None => {
                    self.control.reset().await?;
                    "no toxic".to_owned()
                }
                Some(ms) => {
                    self.set("latency", "upstream", &[("latency", ms)]).await?;
                    format!("latency {ms} ms")
                }
            };
            let measured = self.send(len).await? / 1e6;
            self.row("one connection", &asked, &format!("{measured:.0} MB/s"));
        }
        self.control.reset().await
    }

    async fn connections(&mut self, count: usize) -> anyhow::Result<()> {
        let listen = self.listen;
        let start = Instant::now();
        let open = move || -> io::Result<Vec<Echoed>> {
            let mut open =
                (0..count).map(|_| Echoed::connect(listen)).collect::<io::Result<Vec<_>>>()?;
            for connection in &mut open {
                connection.round_trips(1, Duration::ZERO)?;
            }
            Ok(open)
        };
        let streams =
            blocking(open).await.context("can't open the connections; raise `ulimit -n`")?;
        let text = format!("opened and served in {} ms", ms(start.elapsed()));
        self.row("connections", &streams.len().to_string(), &text);
        Ok(())
    }

    /// Times of single bytes there and back, `pause` apart; sorted.
    async fn round_trips(&self, count: usize, pause: Duration) -> anyhow::Result<Vec<Duration>> {
        let listen = self.listen;
        let mut times =
            blocking(move || Echoed::connect(listen)?.round_trips(count, pause)).await?;
        times.sort();
        Ok(times)
    }

    /// Sends `len` bytes; returns the bytes per second at which they arrived.
    async fn send(&self, len: u64) -> anyhow::Result<f64> {
        let listen = self.listen;
        blocking(move || peers::send_rate(listen, len)).await
    }

    /// Makes this the only toxic.
    async fn set(
        &self,
        kind: &str,
        stream: &str,
        attributes: &[(&str, i64)],
    ) -> anyhow::Result<()> {
        self.control.reset().await?;
        let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), *value));
        let toxic = ToxicSpec {
            name: kind.to_owned(),
            kind: kind.to_owned(),
            stream: stream.to_owned(),
            toxicity: 1.0,
            attributes: attributes.collect(),
        };
        self.control.add_toxic(PROXY, &toxic).await
    }

    fn row(&mut self, what: &str, asked: &str, measured: &str) {
        self.table.add_row([what, asked, measured]);
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    Ok(tokio::task::spawn_blocking(work).await??)
}

fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let last = sorted.len().saturating_sub(1);
    sorted.get(last * percent / 100).copied().unwrap_or_default()
}

fn ms(duration: Duration) -> String {
    format!("{:.3}", duration.as_secs_f64() * 1e3)
}
