//! `ticketctl toxiproxy`: runs the fault proxy on its own; knows flags and signals, nothing of the proxy's inside.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args as ClapArgs;
use tokio::signal::unix::{SignalKind, signal};

use crate::toxiproxy::{self, Settings};

/// Run a TCP fault proxy that any Toxiproxy 2.12 client can control.
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  Run on the usual port, and put 200 ms in front of Redis:
    ticketctl toxiproxy &
    curl -d '{\"name\":\"redis\",\"listen\":\"127.0.0.1:26379\",\"upstream\":\"127.0.0.1:6379\"}' localhost:8474/proxies
    curl -d '{\"type\":\"latency\",\"attributes\":{\"latency\":200}}' localhost:8474/proxies/redis/toxics

  Repeat the random choices of an earlier run, with counters on /metrics:
    ticketctl toxiproxy --seed 7 --proxy-metrics --config proxies.json")]
pub struct Args {
    /// Address of the control API.
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Port of the control API; 0 takes a free one.
    #[arg(long, default_value_t = 8474)]
    port: u16,
    /// Proxies to start with: a JSON list as for POST /populate.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// What every random choice derives from [default: random, and printed].
    #[arg(long)]
    seed: Option<u64>,
    /// Serve counters of traffic and faults on /metrics.
    #[arg(long)]
    proxy_metrics: bool,
    /// Let the API and its proxies listen on addresses that other machines can reach.
    #[arg(long)]
    allow_remote: bool,
}

pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let seed = args.seed.unwrap_or_else(rand::random);
    let address = format!("{}:{}", args.host, args.port);
    let running = toxiproxy::start(Settings {
        host: args.host,
        port: args.port,
        seed,
        proxy_metrics: args.proxy_metrics,
        allow_remote: args.allow_remote,
    })
    .await
    .with_context(|| format!("cannot serve the fault proxy on {address}"))?;
    tracing::info!(url = running.url(), seed, "fault proxy ready");
    if let Some(file) = args.config {
        let json = tokio::fs::read(&file)
            .await
            .with_context(|| format!("cannot read {}", file.display()))?;
        let count = running
            .populate(&json)
            .await
            .map_err(anyhow::Error::from_boxed)
            .with_context(|| format!("cannot start the proxies of {}", file.display()))?;
        tracing::info!(count, file = %file.display(), "proxies started");
    }
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    running.shutdown().await;
    Ok(ExitCode::SUCCESS)
}
