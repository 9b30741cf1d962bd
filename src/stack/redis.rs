//! One Redis node of the stack. Knows nothing of locks or caches.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use anyhow::Context;

use super::binaries;
use super::process::{Process, Recipe};
use super::process_group::ProcessGroup;
use super::readiness::Readiness;

const READY_WITHIN: Duration = Duration::from_secs(10);

/// The name of a node's process; nodes count from 1.
pub fn name(node: usize) -> String {
    format!("redis-{node}")
}

/// Starts one node; returns its process and its URL.
///
/// It keeps nothing on disk, so that a killed node comes back empty: that is the case lock algorithms have to survive.
///
/// # Errors
/// The program fails; the line that tells the cause is quoted.
pub async fn start(
    group: &ProcessGroup,
    programs: &binaries::Redis,
    node: usize,
) -> anyhow::Result<(Process, String)> {
    let name = name(node);
    let folder = group.folder.join(&name);
    fs::create_dir(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let url = |port: u16| format!("redis://127.0.0.1:{port}");
    let recipe = |port: u16| Recipe {
        name: name.clone(),
        program: programs.server.clone(),
        args: arguments(port).map(Into::into).to_vec(),
        env: BTreeMap::new(),
        user: None,
        folder: folder.clone(),
        log: group.log(&name),
        readiness: Readiness::Redis(url(port)),
        ready_within: READY_WITHIN,
    };
    let (process, port) = Process::start_on_free_port(group.id, recipe).await?;
    Ok((process, url(port)))
}

fn arguments(port: u16) -> [String; 10] {
    [
        "--port",
        &port.to_string(),
        "--bind",
        "127.0.0.1",
        "--daemonize",
        "no",
        "--appendonly",
        "no",
        "--save",
        "",
    ]
    .map(str::to_owned)
}
