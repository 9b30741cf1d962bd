//! One `ticketctl serve` process of the stack. Knows its command line and environment; nothing of what it serves.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use anyhow::ensure;

use super::process::{Process, Recipe};
use super::process_group::ProcessGroup;
use super::readiness::Readiness;

const READY_WITHIN: Duration = Duration::from_secs(10);

/// A server to start.
#[derive(Debug, Clone)]
pub struct ServerSpec {
    /// Its name, such as `server-1`: lower-case letters, digits and hyphens.
    pub name: String,
    /// How it serialises claims on seats.
    pub strategy: String,
    /// Its PostgreSQL, perhaps through a proxy.
    pub database_url: String,
    /// Its Redis nodes, perhaps through proxies.
    pub redis_urls: Vec<String>,
    /// More environment; wins over what the stack sets.
    pub env: BTreeMap<String, String>,
}

/// Where a started server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerAddr {
    /// Such as `http://127.0.0.1:20001`, without a slash at the end.
    pub base_url: String,
    /// Its process id.
    pub pid: u32,
}

/// What the servers of one stack have in common.
#[derive(Debug, Clone, Copy)]
pub struct Shared<'a> {
    /// The ticketctl program.
    pub exe: &'a Path,
    /// Signs access tokens.
    pub jwt_secret: &'a str,
    /// The payment simulator.
    pub payments_url: &'a str,
}

/// Starts one server; returns its process and where it is.
///
/// # Errors
/// It ends early (its last line is quoted), or `/health/ready` does not answer 200 within ten seconds.
pub async fn start(
    group: &ProcessGroup,
    shared: Shared<'_>,
    spec: &ServerSpec,
) -> anyhow::Result<(Process, ServerAddr)> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    ensure!(
        !spec.name.is_empty() && spec.name.bytes().all(is_plain),
        "{:?} cannot name a server; use lower-case letters, digits and hyphens",
        spec.name
    );
    let base_url = |port: u16| format!("http://127.0.0.1:{port}");
    let recipe = |port: u16| Recipe {
        name: spec.name.clone(),
        program: shared.exe.to_owned(),
        args: arguments(spec, port),
        env: environment(shared, spec),
        user: None,
        folder: group.folder.clone(),
        log: group.log(&spec.name),
        readiness: Readiness::Http(format!("{}/health/ready", base_url(port))),
        ready_within: READY_WITHIN,
    };
    let (process, port) = Process::start_on_free_port(group.id, recipe).await?;
    let pid = process.pid().as_raw_pid().unsigned_abs();
    Ok((process, ServerAddr { base_url: base_url(port), pid }))
}

fn arguments(spec: &ServerSpec, port: u16) -> Vec<OsString> {
    let bind = format!("127.0.0.1:{port}");
    ["serve", "--bind", &bind, "--name", &spec.name, "--strategy", &spec.strategy]
        .map(OsString::from)
        .to_vec()
}

fn environment(shared: Shared<'_>, spec: &ServerSpec) -> BTreeMap<String, String> {
    let mut env = BTreeMap::from([
        ("DATABASE_URL".to_owned(), spec.database_url.clone()),
        ("REDIS_URLS".to_owned(), spec.redis_urls.join(",")),
        ("JWT_SECRET".to_owned(), shared.jwt_secret.to_owned()),
        // Everybody is on this machine.
        ("RATE_LIMIT_EXEMPT".to_owned(), "127.0.0.0/8".to_owned()),
        ("PAYMENTS".to_owned(), "simulator".to_owned()),
        ("PAYMENTS_URL".to_owned(), format!("{}/{}", shared.payments_url, spec.name)),
    ]);
    env.extend(spec.env.clone());
    env
}
