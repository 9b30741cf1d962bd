//! `ticketctl bench toxiproxy`: measures how exact the fault proxy's delays and rates are on this machine; knows it only
//! by its control API and its listeners.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use comfy_table::Table;
use serde::Serialize;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::peers::{self, Echoed, Flooded, Upstream};
use crate::cli::output;
use crate::cli::process::{raise_open_files_limit, this_program};
use crate::harness::proxy_control::{ProxyControl, ProxySpec, ToxicSpec};
use crate::toxiproxy;

/// Measure how exact the fault proxy's delays and rates are here
///
/// The proxy runs as a process of its own, the client and the upstream run in this one. What a delay adds is a difference of
/// medians: round trips through the proxy with the toxic, minus round trips past the proxy at the same pace. So all that the
/// proxy takes for itself counts as an error, and that client and upstream have to wake up after a pause does not.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Round trips measured for each delay
    #[arg(long, default_value_t = 100)]
    round_trips: usize,
    /// Data sent through where only throughput counts, MB
    #[arg(long, default_value_t = 1000)]
    bulk_mb: u64,
    /// Connections held open at once
    #[arg(long, default_value_t = 5000)]
    connections: usize,
    /// Print JSON: an array with one object for each line of the table
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  ticketctl bench toxiproxy
  ticketctl bench toxiproxy --connections 1000 --json | jq '.[] | select(.what == \"latency\")'";

const PROXY: &str = "bench";
/// Connections that small messages are sent on at the same time.
const TALKERS: usize = 16;
const MB: u64 = 1_000_000;
/// How long a measured rate is kept up.
const RATE_SECONDS: u64 = 2;
/// The delay under which memory is measured, and how long data comes in before the first of it may leave.
const LONG_DELAY_MS: i64 = 10_000;
const FLOOD: Duration = Duration::from_secs(9);
/// Pause between two looks at the proxy's memory.
const LOOK: Duration = Duration::from_millis(250);

/// The proxy under test, and what was found so far.
struct Bench {
    control: ProxyControl,
    listen: SocketAddr,
    upstream: SocketAddr,
    rows: Vec<Row>,
}

/// One thing measured: for people, and in numbers whose names end with their unit.
#[derive(Debug, Serialize)]
struct Row {
    what: String,
    asked: String,
    measured: String,
    #[serde(rename = "figures")]
    measurements: BTreeMap<&'static str, f64>,
}

/// A toxic: type, stream, attributes.
type Toxic<'a> = (&'a str, &'a str, &'a [(&'a str, i64)]);

pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    raise_open_files_limit();
    let (_proxy, url) = start_proxy().await?;
    let upstream = Upstream::start()?.address();
    let control = ProxyControl::connect(&url).await?;
    let spec = ProxySpec {
        name: PROXY.to_owned(),
        listen: "127.0.0.1:0".to_owned(),
        upstream: upstream.to_string(),
    };
    let bound = control.populate(&[spec]).await?;
    let mut bench = Bench { control, listen: bound[0].listen.parse()?, upstream, rows: Vec::new() };
    bench.delays(args.round_trips).await?;
    bench.small_messages(10 * args.round_trips).await?;
    bench.rates().await?;
    bench.bulk(args.bulk_mb * MB).await?;
    bench.connections(args.connections).await?;
    bench.memory(args.connections).await?;
    if args.json {
        output::json(&bench.rows)?;
    } else {
        output::data(table(&bench.rows).trim_fmt());
    }
    Ok(ExitCode::SUCCESS)
}

fn table(rows: &[Row]) -> Table {
    let mut table = output::table();
    table.set_header(["what", "asked", "measured"]);
    table.add_rows(rows.iter().map(|row| [&row.what, &row.asked, &row.measured]));
    table
}

/// Starts the proxy, which ends with the value returned; returns its URL, too.
async fn start_proxy() -> anyhow::Result<(Child, String)> {
    let mut proxy = Command::new(this_program()?)
        .args(["toxiproxy", "--port=0", "--seed=7", "--proxy-metrics", "--runtime-metrics"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("can't start the proxy")?;
    let stdout = proxy.stdout.take().context("the proxy has no output")?;
    let line = BufReader::new(stdout).lines().next_line().await?.unwrap_or_default();
    let url = line.split_whitespace().find(|word| word.starts_with("http://"));
    let url = url.with_context(|| format!("the proxy does not say where it listens: {line}"))?;
    Ok((proxy, url.to_owned()))
}

impl Bench {
    async fn delays(&mut self, count: usize) -> anyhow::Result<()> {
        let direct = round_trips(self.upstream, 20 * count, Duration::ZERO).await?;
        let plain = round_trips(self.listen, 20 * count, Duration::ZERO).await?;
        let pause = Duration::from_millis(20);
        let direct_rested = round_trips(self.upstream, count, pause).await?;
        let rested = round_trips(self.listen, count, pause).await?;
        for (what, asked, times) in [
            ("round trips, back to back", "no proxy", &direct),
            ("round trips, back to back", "no toxic", &plain),
            ("round trips, 20 ms apart", "no proxy", &direct_rested),
            ("round trips, 20 ms apart", "no toxic", &rested),
        ] {
            let [p50, p99] = [50, 99].map(|percent| ms(percentile(times, percent)));
            let text = format!("p50 {p50:.3} ms, p99 {p99:.3} ms");
            self.row((what, asked), text, &[("p50_ms", p50), ("p99_ms", p99)]);
        }
        let added = error_ms(percentile(&plain, 50), percentile(&direct, 50));
        let text = format!("p50 {added:+.3} ms");
        self.row(("added by the proxy", "0 ms"), text, &[("p50_ms", added)]);
        for asked_ms in [1_u32, 5, 10, 20, 50, 100] {
            let asked = Duration::from_millis(asked_ms.into());
            let direct = round_trips(self.upstream, count, asked).await?;
            self.set(("latency", "downstream", &[("latency", asked_ms.into())])).await?;
            let times = round_trips(self.listen, count, Duration::ZERO).await?;
            let expected = percentile(&direct, 50) + asked;
            let [p50, p99] =
                [50, 99].map(|percent| error_ms(percentile(&times, percent), expected));
            let text = format!("added - asked: p50 {p50:+.3} ms, p99 {p99:+.3} ms");
            let measurements =
                [("asked_ms", asked_ms.into()), ("p50_error_ms", p50), ("p99_error_ms", p99)];
            self.row(("latency", &format!("{asked_ms} ms")), text, &measurements);
        }
        self.set(("latency", "downstream", &[("latency", 10), ("jitter", 10)])).await?;
        let times = round_trips(self.listen, 3 * count, Duration::ZERO).await?;
        let [low, first, middle, third, high] =
            [0, 25, 50, 75, 100].map(|percent| ms(percentile(&times, percent)));
        let text = format!("quartiles {low:.3}, {first:.3}, {middle:.3}, {third:.3}, {high:.3} ms");
        let names = ["p0_ms", "p25_ms", "p50_ms", "p75_ms", "p100_ms"];
        let measurements =
            [0, 1, 2, 3, 4].map(|n| (names[n], [low, first, middle, third, high][n]));
        self.row(("latency with jitter", "10 +/- 10 ms"), text, &measurements);
        self.control.reset().await
    }

    /// Round trips of a byte on several connections at once: what a message costs, not what waking up does.
    async fn small_messages(&mut self, count: usize) -> anyhow::Result<()> {
        let (upstream, listen) = (self.upstream, self.listen);
        let direct = blocking(move || peers::round_trip_rate(upstream, TALKERS, count)).await?;
        let through = blocking(move || peers::round_trip_rate(listen, TALKERS, count)).await?;
        let ratio = through / direct;
        let text = format!("{through:.0} round trips/s, {ratio:.2} of those past the proxy");
        let asked = format!("{TALKERS} connections");
        let measurements = [("round_trips_per_second", through), ("ratio", ratio)];
        self.row(("small messages", &asked), text, &measurements);
        Ok(())
    }

    async fn rates(&mut self) -> anyhow::Result<()> {
        for rate in [100_u32, 1000, 10_000, 100_000] {
            self.set(("bandwidth", "upstream", &[("rate", rate.into())])).await?;
            let measured = self.send(u64::from(rate) * 1000 * RATE_SECONDS).await? / 1e3;
            let off = (measured / f64::from(rate) - 1.0) * 1e2;
            let text = format!("{measured:.1} kB/s, {off:+.2} %");
            let measurements = [("asked_kb_per_second", rate.into()), ("kb_per_second", measured)];
            self.row(("bandwidth", &format!("{rate} kB/s")), text, &measurements);
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
                    self.set(("latency", "upstream", &[("latency", ms)])).await?;
                    format!("latency {ms} ms")
                }
            };
            let measured = self.send(len).await? / 1e6;
            let measurements = [("mb_per_second", measured)];
            self.row(("one connection", &asked), format!("{measured:.0} MB/s"), &measurements);
        }
        self.control.reset().await
    }

    async fn connections(&mut self, count: usize) -> anyhow::Result<()> {
        let listen = self.listen;
        let start = Instant::now();
        let open = move || -> io::Result<Vec<Echoed>> {
            let one = |_| {
                let mut connection = Echoed::connect(listen)?;
                connection.round_trips(1, Duration::ZERO)?;
                Ok(connection)
            };
            let open = (0..count).map(one).collect::<io::Result<Vec<_>>>()?;
            Ok(open)
        };
        let open = blocking(open).await.context(OPEN_FILES)?;
        let (took, memory) = (ms(start.elapsed()), self.memory_mb().await?);
        let text = format!("opened and served in {took:.3} ms, the proxy takes {memory:.0} MB");
        let measurements = [("opened_ms", took), ("proxy_mb", memory)];
        self.row(("connections", &open.len().to_string()), text, &measurements);
        Ok(())
    }

    /// Both ends send, nobody reads, and nothing is due: what the proxy takes then is the most it ever does.
    async fn memory(&mut self, count: usize) -> anyhow::Result<()> {
        let before = self.memory_mb().await?;
        for stream in ["upstream", "downstream"] {
            self.add(("latency", stream, &[("latency", LONG_DELAY_MS)])).await?;
        }
        let listen = self.listen;
        let deadline = Instant::now() + FLOOD;
        let flood = blocking(move || {
            let open =
                (0..count).map(|_| Flooded::connect(listen)).collect::<io::Result<Vec<_>>>()?;
            peers::flood_until(deadline, open)
        });
        let watch = async {
            let mut most = before;
            while Instant::now() < deadline {
                most = self.memory_mb().await?.max(most);
                tokio::time::sleep(LOOK).await;
            }
            anyhow::Ok(most)
        };
        let (flooded, most) = tokio::join!(flood, watch);
        let (flooded, most) = (flooded.context(OPEN_FILES)?, most?);
        #[expect(clippy::cast_precision_loss, reason = "a size to show")]
        let bound = toxiproxy::most_bytes_waiting(count) as f64 / 1e6;
        let more = most - before;
        let text = format!("{more:.0} MB more than the {before:.0} before");
        let measurements = [("bound_mb", bound), ("more_mb", more), ("before_mb", before)];
        self.row(("nobody reads for 10 s", &format!("at most {bound:.0} MB")), text, &measurements);
        drop(flooded);
        self.control.reset().await
    }

    /// Sends `len` bytes; returns the bytes per second at which they arrived.
    async fn send(&self, len: u64) -> anyhow::Result<f64> {
        let listen = self.listen;
        blocking(move || peers::send_rate(listen, len)).await
    }

    /// What the proxy's process takes of the machine's memory, MB.
    async fn memory_mb(&self) -> anyhow::Result<f64> {
        let samples = self.control.metrics().await?;
        let memory = samples.iter().find(|sample| sample.name == "process_resident_memory_bytes");
        Ok(memory.context("this system does not tell how much memory a process takes")?.value / 1e6)
    }

    /// Makes this the only toxic.
    async fn set(&self, toxic: Toxic<'_>) -> anyhow::Result<()> {
        self.control.reset().await?;
        self.add(toxic).await
    }

    async fn add(&self, (kind, stream, attributes): Toxic<'_>) -> anyhow::Result<()> {
        let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), *value));
        let toxic = ToxicSpec {
            name: format!("{kind}_{stream}"),
            kind: kind.to_owned(),
            stream: stream.to_owned(),
            toxicity: 1.0,
            attributes: attributes.collect(),
        };
        self.control.add_toxic(PROXY, &toxic).await
    }

    fn row(
        &mut self,
        (what, asked): (&str, &str),
        measured: String,
        measurements: &[(&'static str, f64)],
    ) {
        output::note(format_args!("{what}, {asked}: {measured}"));
        // Finer than a nanosecond of a millisecond is no measurement.
        let measurements =
            measurements.iter().map(|(name, value)| (*name, (value * 1e6).round() / 1e6)).collect();
        self.rows.push(Row {
            what: what.to_owned(),
            asked: asked.to_owned(),
            measured,
            measurements,
        });
    }
}

const OPEN_FILES: &str =
    "can't open the connections; raise `ulimit -n`, or ask for fewer with --connections";

/// Times of single bytes there and back, `pause` apart; sorted.
async fn round_trips(
    address: SocketAddr,
    count: usize,
    pause: Duration,
) -> anyhow::Result<Vec<Duration>> {
    let mut times = blocking(move || Echoed::connect(address)?.round_trips(count, pause)).await?;
    times.sort();
    Ok(times)
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

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// How far `measured` is off what was asked for, with its sign.
fn error_ms(measured: Duration, asked: Duration) -> f64 {
    ms(measured) - ms(asked)
}
