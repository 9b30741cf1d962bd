//! `ticketctl stack`: a throwaway PostgreSQL, Redis and payment simulator in the background, for working by hand.
//! Knows nothing of what is done with them.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Subcommand;
use futures_util::future::join_all;
use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep, timeout};

use super::output;
use super::process::this_program;
use crate::domain::counted;
use crate::stack::readiness::Readiness;
use crate::stack::state::{StackName, StackState, StateDir};
use crate::stack::{Stack, StackSpec, log};

const UP_WITHIN: Duration = Duration::from_secs(90);
const DOWN_WITHIN: Duration = Duration::from_secs(15);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Under which name the simulator sees servers that are started by hand.
const SERVER_NAME: &str = "local";
/// The exit code of a stack that does not run, or not all of it.
const NOT_RUNNING: u8 = 3;

const EXAMPLES: &str = "\
Examples:
  eval \"$(ticketctl stack up)\"       start it, and set DATABASE_URL and the others in this shell
  ticketctl stack up --redis-nodes 3 --json
  ticketctl stack up --name other    a second one beside it
  ticketctl stack status && echo running
  ticketctl stack down

Exit codes: 0 done, or running; 2 bad arguments; 3 (status) not running, or a part of it is down;
4 could not start or end it.";
const UP_EXAMPLES: &str = "\
Examples:
  eval \"$(ticketctl stack up)\"
  ticketctl stack up --redis-nodes 3 --json
  ticketctl stack up --name other    a second one beside the first";
const STATUS_EXAMPLES: &str = "\
Examples:
  ticketctl stack status && echo running
  ticketctl stack status --json | jq .down";
const DOWN_EXAMPLES: &str = "\
Examples:
  ticketctl stack down
  ticketctl stack down --name other";

/// Run a throwaway PostgreSQL, Redis and payment simulator in the background.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Which one, of several at the same time: the one without a name, unless given.
    #[arg(long, global = true, value_name = "NAME", value_parser = StackName::parse)]
    name: Option<StackName>,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Start it, wait until it is ready, and print the environment to use it.
    #[command(after_help = UP_EXAMPLES)]
    Up {
        #[command(flatten)]
        size: Size,
        /// Print JSON instead of `export` lines.
        #[arg(long)]
        json: bool,
    },
    /// Say whether it runs and its stores answer: exit code 0, or 3 when not.
    #[command(after_help = STATUS_EXAMPLES)]
    Status {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// End it and remove everything it wrote; no error when it does not run.
    #[command(after_help = DOWN_EXAMPLES)]
    Down,
    /// Hold the stack in this process until SIGTERM.
    #[command(hide = true)]
    Run {
        #[command(flatten)]
        size: Size,
    },
}

#[derive(Debug, clap::Args)]
struct Size {
    /// How many Redis nodes to start.
    #[arg(long, default_value_t = 1, value_name = "1|3|5", value_parser = parse_redis_nodes)]
    redis_nodes: usize,
}

/// Runs the action.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let dir = StateDir::find(args.name)?;
    match args.action {
        Action::Up { size, json } => up(&dir, size.redis_nodes, json).await,
        Action::Status { json } => status(&dir, json).await,
        Action::Down => down(&dir).await,
        Action::Run { size } => hold(&dir, size.redis_nodes).await,
    }
}

async fn up(dir: &StateDir, redis_nodes: usize, json: bool) -> anyhow::Result<ExitCode> {
    let state = if let Some(state) = dir.read()? {
        output::note(format!(
            "already running in {}: this is that one, with what was put into it; add --name for another, \
             `{}` ends it",
            state.dir.display(),
            dir.command("down")
        ));
        state
    } else {
        let mut child = start_in_background(dir, redis_nodes)?;
        let state = timeout(UP_WITHIN, wait_until_up(dir, &mut child))
            .await
            .with_context(|| format!("the stack was not ready within {UP_WITHIN:?}"))??;
        output::note(format!(
            "running in {}; `ticketctl migrate` creates the tables, `{}` ends it",
            state.dir.display(),
            dir.command("down")
        ));
        state
    };
    if state.redis_nodes != redis_nodes {
        output::note(format!(
            "it has {}, not {redis_nodes}; `{}` first to change that",
            counted(state.redis_nodes, "redis node"),
            dir.command("down")
        ));
    }
    print(&state, json)?;
    Ok(ExitCode::SUCCESS)
}

/// What `status` prints as JSON.
#[derive(Serialize)]
struct Status<'a> {
    #[serde(flatten)]
    state: &'a StackState,
    /// The parts that do not answer.
    down: Vec<&'a str>,
}

async fn status(dir: &StateDir, json: bool) -> anyhow::Result<ExitCode> {
    let Some(state) = dir.read()? else {
        output::note(format!("not running; `{}` starts it", dir.command("up")));
        return Ok(ExitCode::from(NOT_RUNNING));
    };
    output::note(format!("running in {}, process {}", state.dir.display(), state.pid));
    let dead = dead_parts(&state).await;
    for (name, why) in &dead {
        output::note(format!("{name} is down: {why}"));
    }
    if !dead.is_empty() {
        output::note(format!("`{}` and then `up` make a new one", dir.command("down")));
    }
    if json {
        let down = dead.iter().map(|(name, _)| name.as_str()).collect();
        output::data(serde_json::to_string_pretty(&Status { state: &state, down })?);
    } else if dead.is_empty() {
        print(&state, json)?;
    }
    Ok(if dead.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(NOT_RUNNING) })
}

/// The stores that do not answer, by name, and why. The simulator lives in the process that holds the stack.
async fn dead_parts(state: &StackState) -> Vec<(String, String)> {
    let urls = |name: &str| state.env.get(name).map(String::as_str).unwrap_or_default();
    let redis = urls("REDIS_URLS").split(',').enumerate();
    let redis =
        redis.map(|(n, url)| (format!("redis-{}", n + 1), Readiness::Redis(url.to_owned())));
    let postgres = Readiness::Postgres(urls("DATABASE_URL").to_owned());
    let parts = std::iter::once(("postgres".to_owned(), postgres)).chain(redis);
    let asked = parts.map(async |(name, part)| Some((name, part.probe().await.err()?.to_string())));
    join_all(asked).await.into_iter().flatten().collect()
}

async fn down(dir: &StateDir) -> anyhow::Result<ExitCode> {
    let deadline = Instant::now() + DOWN_WITHIN;
    let mut asked = None;
    while dir.is_held()? {
        // One that is just starting is asked as soon as it has said which process it is.
        if let (None, Some(state)) = (&asked, dir.read()?) {
            send(&state, Signal::TERM)?;
            asked = Some(state);
        }
        if Instant::now() >= deadline {
            // Its guard takes the rest down.
            match &asked {
                Some(state) => send(state, Signal::KILL)?,
                None => bail!("a stack is starting and does not get ready; try again later"),
            }
        }
        sleep(LOOK_EVERY).await;
    }
    let Some(state) = asked else {
        output::note("not running");
        return Ok(ExitCode::SUCCESS);
    };
    let gone = async {
        while state.dir.exists() {
            sleep(LOOK_EVERY).await;
        }
    };
    timeout(DOWN_WITHIN, gone)
        .await
        .with_context(|| format!("{} is still there; remove it", state.dir.display()))?;
    output::note("down");
    Ok(ExitCode::SUCCESS)
}

/// The background process itself.
async fn hold(dir: &StateDir, redis_nodes: usize) -> anyhow::Result<ExitCode> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // The terminal it was started from may close.
    let _hangup = signal(SignalKind::hangup())?;
    let mut asked_to_end = std::pin::pin!(async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    });
    let held = dir.hold().await?;
    let spec = StackSpec {
        redis_nodes,
        exe: this_program()?,
        database_url: None,
        redis_urls: Vec::new(),
        temp_parent: None,
    };
    let stack = tokio::select! {
        stack = Stack::start(spec) => stack?,
        // The guard takes down what was started so far.
        () = &mut asked_to_end => return Ok(ExitCode::SUCCESS),
    };
    held.publish(&describe(&stack, redis_nodes))?;
    asked_to_end.await;
    let stopped = stack.stop().await;
    held.forget()?;
    stopped?;
    Ok(ExitCode::SUCCESS)
}

fn describe(stack: &Stack, redis_nodes: usize) -> StackState {
    let env = [
        ("DATABASE_URL", stack.database_url().to_owned()),
        ("REDIS_URLS", stack.redis_urls().join(",")),
        ("JWT_SECRET", stack.jwt_secret().to_owned()),
        ("PAYMENTS", "simulator".to_owned()),
        ("PAYMENTS_URL", format!("{}/{SERVER_NAME}", stack.payments().url())),
    ];
    StackState {
        pid: rustix::process::getpid().as_raw_pid(),
        dir: stack.dir().to_owned(),
        redis_nodes,
        env: BTreeMap::from(env.map(|(name, value)| (name.to_owned(), value))),
    }
}

/// Its own process group keeps Ctrl-C in this terminal away from it.
fn start_in_background(dir: &StateDir, redis_nodes: usize) -> anyhow::Result<Child> {
    let path = dir.log();
    let log = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    Command::new(this_program()?)
        .args(["stack", "run", "--redis-nodes", &redis_nodes.to_string()])
        .args(dir.name().iter().flat_map(|name| ["--name", name]))
        .current_dir(Path::new("/"))
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .process_group(0)
        .spawn()
        .context("cannot start the background process")
}

async fn wait_until_up(dir: &StateDir, child: &mut Child) -> anyhow::Result<StackState> {
    loop {
        if let Some(state) = dir.read()? {
            return Ok(state);
        }
        // It also ends when another `up` was quicker; then that one's stack is the answer.
        if child.try_wait()?.is_some() && !dir.is_held()? {
            let said = log::since(&dir.log(), 0);
            bail!("{}", log::last_line(&said).trim_start_matches("error: "));
        }
        sleep(LOOK_EVERY).await;
    }
}

/// The process is alive: it holds the lock, so its id cannot have passed to another one.
fn send(state: &StackState, signal: Signal) -> anyhow::Result<()> {
    let pid = Pid::from_raw(state.pid).context("the state file names no process")?;
    match kill_process(pid, signal) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot end process {}", state.pid)),
    }
}

fn print(state: &StackState, json: bool) -> anyhow::Result<()> {
    if json {
        output::data(serde_json::to_string_pretty(state)?);
        return Ok(());
    }
    for (name, value) in &state.env {
        // No value holds a quote: they are URLs and hexadecimal numbers made here.
        output::data(format!("export {name}='{value}'"));
    }
    Ok(())
}

fn parse_redis_nodes(text: &str) -> Result<usize, String> {
    match text {
        "1" => Ok(1),
        "3" => Ok(3),
        "5" => Ok(5),
        _ => Err("a quorum needs 1, 3 or 5 nodes".to_owned()),
    }
}
