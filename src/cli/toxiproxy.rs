//! `ticketctl toxiproxy`: runs the fault proxy on its own; knows flags and signals, nothing of the proxy's inside.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::output;
use super::process::raise_open_files_limit;
use crate::toxiproxy::{self, Running, Settings};

/// Run a TCP fault proxy that any Toxiproxy client can control
///
/// It speaks the control API of Toxiproxy 2.12, knows all its toxics and some more, and stops in order on SIGINT and
/// SIGTERM. Every random choice derives from the seed it prints. Flags may have one dash, as the original's, and under the
/// name toxiproxy-server the program takes them without a subcommand.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = long_help())]
// Together the line that the original prints.
#[command(display_name = "toxiproxy-server version", version = toxiproxy::VERSION)]
pub struct Args {
    /// Address of the control API; one that other machines can reach implies --allow-remote
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Port of the control API; 0 takes a free one
    #[arg(long, default_value_t = 8474)]
    port: u16,
    /// Proxies to start with: a JSON list as for POST /populate
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// What every random choice derives from; random unless given, and printed
    #[arg(long)]
    seed: Option<u64>,
    /// Serve counters of traffic, connections and faults on /metrics
    #[arg(long)]
    proxy_metrics: bool,
    /// Serve the memory, threads and open files of this process on /metrics
    #[arg(long)]
    runtime_metrics: bool,
    /// Let the control API and the proxies listen on addresses that other machines can reach
    #[arg(long)]
    allow_remote: bool,
}

const EXAMPLES: &str = r#"Examples:
  Put 200 ms in front of Redis:
    ticketctl toxiproxy &
    curl localhost:8474/proxies \
      -d '{"name": "redis", "listen": "127.0.0.1:26379", "upstream": "127.0.0.1:6379"}'
    curl localhost:8474/proxies/redis/toxics \
      -d '{"type": "latency", "attributes": {"latency": 200}}'

  Start proxies from a file, with the random choices of an earlier run and counters on /metrics:
    ticketctl toxiproxy --config proxies.json --seed 7 --proxy-metrics"#;

/// The examples, and every toxic with its attributes.
fn long_help() -> String {
    format!(
        "{EXAMPLES}\n\nToxics and their attributes, all whole numbers:\n{}",
        toxiproxy::describe_toxics()
    )
}

pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    // Before anything is said, so that who reads it may send a signal at once.
    let mut interrupt = signal(SignalKind::interrupt()).context("can't listen for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("can't listen for SIGTERM")?;
    start_log();
    raise_open_files_limit();
    let seed = args.seed.unwrap_or_else(rand::random);
    let address = format!("{}:{}", args.host, args.port);
    let settings = Settings {
        host: args.host,
        port: args.port,
        seed,
        proxy_metrics: args.proxy_metrics,
        runtime_metrics: args.runtime_metrics,
        allow_remote: args.allow_remote,
    };
    let running = toxiproxy::start(settings)
        .await
        .with_context(|| format!("can't serve the fault proxy on {address}"))?;
    if let Some(file) = args.config {
        populate(&running, &file).await?;
    }
    output::data(format!("toxiproxy listens on {} with seed {seed}", running.url()));
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    running.shutdown().await;
    Ok(ExitCode::SUCCESS)
}

/// Says on stderr what goes wrong; `RUST_LOG` sets what else is said.
fn start_log() {
    let asked_for = std::env::var("RUST_LOG").ok().and_then(|text| text.parse().ok());
    let filter = asked_for.unwrap_or_else(|| Targets::new().with_default(LevelFilter::WARN));
    let is_terminal = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt::layer().with_ansi(is_terminal).with_writer(std::io::stderr);
    tracing_subscriber::registry().with(log).with(filter).init();
}

async fn populate(running: &Running, file: &std::path::Path) -> anyhow::Result<()> {
    let json = tokio::fs::read(file)
        .await
        .with_context(|| format!("can't read the proxies in {}", file.display()))?;
    let started = running.populate(&json).await;
    started
        .map_err(anyhow::Error::from_boxed)
        .with_context(|| format!("can't start the proxies in {}", file.display()))?;
    Ok(())
}
