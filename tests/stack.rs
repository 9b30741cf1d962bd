//! Black-box: `ticketctl stack` and `ticketctl doctor` as a user runs them, and as a user kills them.
#![expect(clippy::unwrap_used, reason = "in a test the panic is the report")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, geteuid, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// The promise: this long after the end of a run, whatever ended it, nothing is left.
const GONE_WITHIN: Duration = Duration::from_secs(5);
const READY_WITHIN: Duration = Duration::from_mins(1);

/// A folder of its own for state file and stack, so that tests do not meet each other's or the user's.
struct Sandbox {
    state: TempDir,
    temp: TempDir,
}

impl Sandbox {
    fn new() -> Self {
        let (state, temp) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        // Open to all, so that PostgreSQL's user may pass through it.
        fs::set_permissions(temp.path(), fs::Permissions::from_mode(0o755)).unwrap();
        Self { state, temp }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ticketctl"));
        command
            .args(args)
            .env("XDG_STATE_HOME", self.state.path())
            .env("TMPDIR", self.temp.path())
            .env_remove("XDG_RUNTIME_DIR");
        for variable in ["DATABASE_URL", "REDIS_URLS", "TOXIPROXY_URL", "AMQP_URL"] {
            command.env_remove(variable);
        }
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// The holder of a stack, as `stack up` starts it, but as this test's own child.
    fn hold(&self) -> Holder {
        let mut command = self.command(&["stack", "run"]);
        Holder(command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    fn hold_until_ready(&self) -> (Holder, Value) {
        let holder = self.hold();
        let mut state = Value::Null;
        wait("the stack is ready", READY_WITHIN, || {
            let output = self.run(&["stack", "status", "--json"]);
            state = serde_json::from_slice(&output.stdout).unwrap_or_default();
            output.status.success()
        });
        (holder, state)
    }

    fn stack_folder(&self) -> Option<PathBuf> {
        Some(fs::read_dir(self.temp.path()).unwrap().next()?.unwrap().path())
    }

    fn assert_gone(&self) {
        wait("folder and processes are gone", GONE_WITHIN, || {
            self.stack_folder().is_none() && processes_within(self.temp.path()).is_empty()
        });
    }
}

struct Holder(Child);

impl Holder {
    fn signal(&self, signal: Signal) {
        kill_process(pid(self.0.id()), signal).unwrap();
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn pid(id: u32) -> Pid {
    Pid::from_raw(i32::try_from(id).unwrap()).unwrap()
}

/// Signals a process that was listed, unless it has ended since: workers of PostgreSQL come and go.
fn signal_if_there(id: u32, signal: Signal) {
    let sent = kill_process(pid(id), signal);
    assert!(matches!(sent, Ok(()) | Err(rustix::io::Errno::SRCH)), "{id}: {sent:?}");
}

#[expect(
    clippy::disallowed_methods,
    reason = "polls other processes; there is no runtime to block"
)]
fn wait(what: &str, within: Duration, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < within, "not within {within:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Processes that work in `folder` or name it on their command line; the dead do neither.
fn processes_within(folder: &Path) -> Vec<u32> {
    let works_there = |process: &Path| {
        let names = fs::read(process.join("cmdline")).unwrap_or_default();
        fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd.starts_with(folder))
            || String::from_utf8_lossy(&names).contains(folder.to_str().unwrap())
    };
    fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|id| works_there(&Path::new("/proc").join(u32::to_string(id))))
        .collect()
}

fn exports(stdout: &[u8]) -> BTreeMap<String, String> {
    let parse = |line: &str| {
        let (name, value) = line.strip_prefix("export ")?.split_once('=')?;
        Some((name.to_owned(), value.trim_matches('\'').to_owned()))
    };
    String::from_utf8_lossy(stdout).lines().map(|line| parse(line).unwrap()).collect()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn up_prints_the_environment_again_and_down_leaves_nothing() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.run(&["stack", "status"]).status.code(), Some(3));
    let up = sandbox.run(&["stack", "up", "--redis-nodes", "3"]);
    assert!(up.status.success(), "{}", stderr(&up));
    let env = exports(&up.stdout);
    let names: Vec<&str> = env.keys().map(String::as_str).collect();
    assert_eq!(names, ["DATABASE_URL", "JWT_SECRET", "PAYMENTS", "PAYMENTS_URL", "REDIS_URLS"]);
    assert_eq!(env["REDIS_URLS"].split(',').count(), 3);

    let again = sandbox.run(&["stack", "up", "--redis-nodes", "3"]);
    assert_eq!(exports(&again.stdout), env);
    let said = stderr(&again);
    assert!(
        said.starts_with("already running in ") && said.contains("add --name for another"),
        "{said}"
    );
    // One of another name stands beside it, and goes by itself.
    let other = sandbox.run(&["stack", "up", "--name", "other"]);
    assert!(other.status.success() && stderr(&other).contains("stack down --name other"));
    assert_ne!(exports(&other.stdout)["DATABASE_URL"], env["DATABASE_URL"]);
    assert!(sandbox.run(&["stack", "down", "--name", "other"]).status.success());
    assert_eq!(sandbox.run(&["stack", "status", "--name", "other"]).status.code(), Some(3));
    assert_eq!(sandbox.run(&["stack", "status"]).status.code(), Some(0));

    // The stores that were printed are there: doctor checks each by its URL.
    let doctor = sandbox.command(&["doctor"]).envs(&env).output().unwrap();
    assert!(doctor.status.success(), "{}", String::from_utf8_lossy(&doctor.stdout));

    let down = sandbox.run(&["stack", "down"]);
    assert!(down.status.success(), "{}", stderr(&down));
    sandbox.assert_gone();
    assert_eq!(sandbox.run(&["stack", "status"]).status.code(), Some(3));
    assert!(sandbox.run(&["stack", "down"]).status.success());
}

#[test]
fn a_script_starts_a_stack_of_its_own_whichever_runs_already() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("script");
    let scripts = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let texts = scripts.filter(|path| path.is_file()).map(|path| fs::read_to_string(path).unwrap());
    let starting: Vec<String> = texts.filter(|text| text.contains(" stack up")).collect();
    assert!(!starting.is_empty());
    for text in starting {
        let (before, _) = text.split_once(" stack up").unwrap();
        assert!(before.contains("export XDG_RUNTIME_DIR=$work\n"), "{before}");
    }
}

#[test]
fn status_names_the_stores_that_are_dead_and_offers_no_environment() {
    let sandbox = Sandbox::new();
    let (_holder, state) = sandbox.hold_until_ready();
    assert_eq!(state["down"], serde_json::json!([]));
    for (process, part, down) in [
        ("redis-server", "redis-1", serde_json::json!(["redis-1"])),
        ("postgres", "postgres", serde_json::json!(["postgres", "redis-1"])),
    ] {
        // Dead or stuck is the same to whoever asks; the first is killed, the second stopped.
        let signal = if part == "redis-1" { Signal::KILL } else { Signal::STOP };
        for id in processes_within(&sandbox.stack_folder().unwrap()) {
            let comm = fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default();
            if comm.trim() == process {
                signal_if_there(id, signal);
            }
        }
        wait(&format!("{part} is named"), READY_WITHIN, || {
            stderr(&sandbox.run(&["stack", "status"])).contains(&format!("{part} is down: "))
        });
        let status = sandbox.run(&["stack", "status"]);
        assert_eq!((status.status.code(), status.stdout.as_slice()), (Some(3), &b""[..]));
        let status = sandbox.run(&["stack", "status", "--json"]);
        assert_eq!(status.status.code(), Some(3));
        let said: Value = serde_json::from_slice(&status.stdout).unwrap();
        assert_eq!((&said["down"], &said["pid"]), (&down, &state["pid"]));
    }
}

#[test]
fn two_at_once_start_one_stack() {
    let sandbox = Sandbox::new();
    let mut starting: Vec<Child> = (0..2)
        .map(|_| sandbox.command(&["stack", "up"]).stdout(Stdio::piped()).spawn().unwrap())
        .collect();
    let outputs: Vec<Output> =
        starting.drain(..).map(|child| child.wait_with_output().unwrap()).collect();
    assert!(outputs.iter().all(|output| output.status.success()));
    assert_eq!(exports(&outputs[0].stdout), exports(&outputs[1].stdout));
    assert!(sandbox.run(&["stack", "down"]).status.success());
    sandbox.assert_gone();
}

#[test]
fn a_killed_holder_leaves_nothing_within_five_seconds() {
    let sandbox = Sandbox::new();
    let (holder, state) = sandbox.hold_until_ready();
    let folder = sandbox.stack_folder().unwrap();
    assert_eq!(state["dir"], folder.to_str().unwrap());
    // A guard that names the folder, redis, the postmaster and its five workers.
    assert!(processes_within(sandbox.temp.path()).len() >= 7);
    holder.signal(Signal::KILL);
    sandbox.assert_gone();
    assert_eq!(sandbox.run(&["stack", "status"]).status.code(), Some(3));
}

#[test]
fn a_holder_killed_while_its_stores_are_stopped_leaves_nothing() {
    let sandbox = Sandbox::new();
    let (holder, _) = sandbox.hold_until_ready();
    for id in processes_within(&sandbox.stack_folder().unwrap()) {
        signal_if_there(id, Signal::STOP);
    }
    holder.signal(Signal::KILL);
    sandbox.assert_gone();
}

#[test]
fn backends_that_lost_their_postmaster_while_stopped_are_ended_too() {
    let sandbox = Sandbox::new();
    let (holder, _) = sandbox.hold_until_ready();
    let folder = sandbox.stack_folder().unwrap();
    for id in processes_within(&folder) {
        signal_if_there(id, Signal::STOP);
    }
    let pid_file = fs::read_to_string(folder.join("postgres/data/postmaster.pid")).unwrap();
    let postmaster: u32 = pid_file.lines().next().unwrap().parse().unwrap();
    kill_process(pid(postmaster), Signal::KILL).unwrap();
    holder.signal(Signal::KILL);
    sandbox.assert_gone();
}

#[test]
fn a_holder_killed_in_the_middle_of_starting_leaves_nothing() {
    // Each step of the start leaves another trace; the kill comes right after it.
    for trace in ["", "logs", "postgres/data", "postgres/data/base", "logs/postgres.log"] {
        let sandbox = Sandbox::new();
        let holder = sandbox.hold();
        wait(&format!("{trace:?} is there"), READY_WITHIN, || {
            sandbox.stack_folder().is_some_and(|folder| folder.join(trace).exists())
        });
        holder.signal(Signal::KILL);
        sandbox.assert_gone();
    }
}

#[test]
fn a_holder_that_is_interrupted_or_terminated_leaves_nothing() {
    for signal in [Signal::INT, Signal::TERM] {
        let sandbox = Sandbox::new();
        let (mut holder, _) = sandbox.hold_until_ready();
        holder.signal(signal);
        assert!(holder.0.wait().unwrap().success());
        // It waits for its guard, so there is nothing to wait for here.
        assert_eq!(sandbox.stack_folder(), None);
        sandbox.assert_gone();
    }
}

#[test]
fn the_state_file_is_for_its_owner_only() {
    let sandbox = Sandbox::new();
    let (_holder, _) = sandbox.hold_until_ready();
    let file = sandbox.state.path().join("ticketctl/stack.json");
    let mode = fs::metadata(file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_folder_that_postgres_may_not_enter_is_named_and_nothing_is_left() {
    if !geteuid().is_root() {
        return; // Then PostgreSQL runs as this user, who may.
    }
    let sandbox = Sandbox::new();
    fs::set_permissions(sandbox.temp.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let up = sandbox.run(&["stack", "up"]);
    assert_eq!(up.status.code(), Some(4));
    let message = stderr(&up);
    assert_eq!(message.lines().count(), 1, "{message}");
    assert!(message.contains("may not pass through"), "{message}");
    assert!(message.contains("set TMPDIR to a folder open to all"), "{message}");
    sandbox.assert_gone();
}

#[test]
fn a_guard_started_by_hand_refuses_to_end_the_callers_process_group() {
    let sandbox = Sandbox::new();
    let output = sandbox.run(&["guard", sandbox.temp.path().to_str().unwrap()]);
    assert!(!output.status.success());
    assert!(stderr(&output).contains("must lead its own process group"), "{}", stderr(&output));
    assert_eq!(sandbox.stack_folder(), None);
}

#[test]
fn doctor_finds_this_machine_fit() {
    let sandbox = Sandbox::new();
    let output = sandbox.run(&["doctor", "--json"]);
    let checks: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(output.status.success(), "{checks:#}");
    let components: Vec<&str> =
        checks.as_array().unwrap().iter().map(|c| c["component"].as_str().unwrap()).collect();
    assert_eq!(
        components,
        ["postgresql", "redis", "postgresql user", "temporary folder", "loopback ports"]
    );
}

#[test]
fn doctor_names_an_unreachable_store_within_five_seconds_and_hides_its_password() {
    let sandbox = Sandbox::new();
    let started = Instant::now();
    let output = sandbox
        .command(&["doctor"])
        .env("DATABASE_URL", "postgres://bob:hunter2@127.0.0.1:1/tickets")
        .env("REDIS_URLS", "redis://127.0.0.1:1,redis://:hunter2@127.0.0.1:2")
        .env("TOXIPROXY_URL", "http://127.0.0.1:1")
        .env("AMQP_URL", "amqp://bob:hunter2@127.0.0.1:1")
        .output()
        .unwrap();
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!(output.status.code(), Some(4));
    let text = String::from_utf8_lossy(&output.stdout);
    for shown in ["postgres://bob:***@127.0.0.1:1/tickets", "amqp://bob:***@127.0.0.1:1"] {
        assert!(text.contains(shown), "{text}");
    }
    assert_eq!(text.matches('✗').count(), 5, "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}
