//! `ticketctl doctor`: says what this machine lacks to run a chaos test, and the command that mends it.
//! Installs and changes nothing.

use std::env;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, ensure};
use comfy_table::Table;
use reqwest::Url;
use serde::Serialize;
use tokio::time::timeout;

use super::output;
use crate::stack::readiness::Readiness;
use crate::stack::{binaries, external, user};

const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// A cluster needs 40 MB, its log and a long run's history the rest.
const FREE_BYTES_MIN: u64 = 500 * 1024 * 1024;

const EXAMPLES: &str = "\
Examples:
  ticketctl doctor
  ticketctl doctor --json
  DATABASE_URL=postgres://… ticketctl doctor      also checks that it can be reached

Exit codes: 0 nothing missing, 4 something is.";

/// Check that this machine has what a chaos run needs.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// One component and what was found of it.
#[derive(Debug, Serialize)]
struct Check {
    component: String,
    ok: bool,
    /// The version or place; the cause when not `ok`, which ends with how to mend it.
    found: String,
}

impl Check {
    fn new(component: &str, result: anyhow::Result<String>) -> Self {
        let ok = result.is_ok();
        let found = result.unwrap_or_else(|error| output::one_line(&error));
        Self { component: component.to_owned(), ok, found }
    }
}

/// Checks everything, also after something was found missing.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let (postgres, redis, mut external) = tokio::join!(postgres(), redis(), external_services());
    let mut checks = vec![
        Check::new("postgresql", postgres),
        Check::new("redis", redis),
        Check::new("postgresql user", postgres_user()),
        Check::new("temporary folder", temporary_folder(&env::temp_dir())),
        Check::new("loopback ports", loopback()),
    ];
    checks.append(&mut external);
    if args.json {
        output::data(serde_json::to_string_pretty(&checks)?);
    } else {
        output::data(table(&checks).trim_fmt());
    }
    let all_fine = checks.iter().all(|check| check.ok);
    Ok(if all_fine { ExitCode::SUCCESS } else { ExitCode::from(4) })
}

async fn postgres() -> anyhow::Result<String> {
    let found = binaries::postgres().await?;
    Ok(format!("{} {}", found.version, found.server.display()))
}

async fn redis() -> anyhow::Result<String> {
    let found = binaries::redis().await?;
    Ok(format!("{} {}", found.version, found.server.display()))
}

fn postgres_user() -> anyhow::Result<String> {
    let Some(user) = user::for_postgres()? else {
        return Ok("this user; not root".to_owned());
    };
    let temp = env::temp_dir();
    if let Some(closed) = user::closed_folder(&temp) {
        anyhow::bail!(
            "{} may not pass through {}; set TMPDIR to a folder open to all, such as /tmp",
            user.name,
            closed.display()
        );
    }
    Ok(format!("{}, because postgresql refuses to run as root", user.name))
}

fn temporary_folder(path: &Path) -> anyhow::Result<String> {
    let mend = "set TMPDIR to another folder";
    tempfile::tempdir_in(path)
        .with_context(|| format!("cannot write to {}; {mend}", path.display()))?;
    let data = rustix::fs::statvfs(path).context("cannot read its free space")?;
    let free_bytes = data.f_bavail.saturating_mul(data.f_frsize);
    let free_mb = free_bytes / 1024 / 1024;
    ensure!(
        free_bytes >= FREE_BYTES_MIN,
        "{} has only {free_mb} MB free; make room, or {mend}",
        path.display()
    );
    Ok(format!("{}, {free_mb} MB free", path.display()))
}

fn loopback() -> anyhow::Result<String> {
    let mend = "bring it up: ip link set lo up";
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .with_context(|| format!("cannot listen on 127.0.0.1; {mend}"))?;
    TcpStream::connect_timeout(&listener.local_addr()?, ANSWER_WITHIN)
        .with_context(|| format!("cannot connect to 127.0.0.1; {mend}"))?;
    Ok("127.0.0.1".to_owned())
}

/// Only those that the environment names; the others are started when they are needed.
async fn external_services() -> Vec<Check> {
    let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let mut checks = Vec::new();
    if let Some(url) = set("DATABASE_URL") {
        checks.push(reachable("DATABASE_URL", &url, Readiness::Postgres(url.clone())).await);
    }
    for url in set("REDIS_URLS").iter().flat_map(|urls| urls.split(',')) {
        checks.push(reachable("REDIS_URLS", url, Readiness::Redis(url.to_owned())).await);
    }
    if let Some(url) = set("TOXIPROXY_URL") {
        let version = format!("{}/version", url.trim_end_matches('/'));
        checks.push(reachable("TOXIPROXY_URL", &url, Readiness::Http(version)).await);
    }
    if let Some(url) = set("AMQP_URL") {
        checks.push(Check::new("AMQP_URL", listens("AMQP_URL", &url, 5672).await));
    }
    checks
}

async fn reachable(variable: &str, url: &str, readiness: Readiness) -> Check {
    let result = external::check_reachable(variable, &readiness).await;
    Check::new(variable, result.and_then(|()| external::masked(url)))
}

async fn listens(variable: &str, url: &str, default_port: u16) -> anyhow::Result<String> {
    let shown = external::masked(url).with_context(|| format!("{variable} is not a url"))?;
    let url = Url::parse(url)?;
    let host = url.host_str().with_context(|| format!("{variable} names no host"))?;
    let address = (host, url.port().unwrap_or(default_port));
    timeout(ANSWER_WITHIN, tokio::net::TcpStream::connect(address))
        .await
        .with_context(|| {
            format!(
                "{shown} did not answer within {ANSWER_WITHIN:?}; start it, or unset {variable}"
            )
        })?
        .with_context(|| format!("{shown} cannot be reached; start it, or unset {variable}"))?;
    Ok(shown)
}

fn table(checks: &[Check]) -> Table {
    let mut table = output::table();
    for check in checks {
        let mark = if check.ok { "✓" } else { "✗" };
        table.add_row([mark, &check.component, &check.found]);
    }
    table
}
