//! Running the program, and what it leaves.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Runs share two cores with their servers and database: one at a time, whichever test runner it is.
static ALONE: Mutex<()> = Mutex::new(());

/// A folder of its own for stacks, runs and reports; what is left in it was left behind.
pub struct Place {
    pub temp: TempDir,
    pub out: TempDir,
    _alone: MutexGuard<'static, ()>,
}

/// What a run printed and returned.
pub struct Run {
    pub code: i32,
    pub summary: Value,
    pub errors: String,
}

impl Place {
    pub fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        // Open to all, so that PostgreSQL's user may pass through it.
        fs::set_permissions(temp.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let out = tempfile::tempdir().unwrap();
        Self { temp, out, _alone: ALONE.lock().unwrap_or_else(PoisonError::into_inner) }
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ticketctl"));
        command.args(args).env("TMPDIR", self.temp.path()).current_dir(self.out.path());
        for variable in ["DATABASE_URL", "REDIS_URLS", "TOXIPROXY_URL", "AMQP_URL"] {
            command.env_remove(variable);
        }
        command
    }

    pub fn output(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// `chaos run` with `--json`, short form.
    pub fn chaos(&self, file: &Path, more: &[&str]) -> Run {
        let file = file.to_str().unwrap();
        let args = [&["chaos", "run", file, "--quick", "--json"], more].concat();
        let output = self.output(&args);
        let run = Run {
            code: output.status.code().unwrap(),
            summary: serde_json::from_slice(&output.stdout).unwrap_or(Value::Null),
            errors: String::from_utf8(output.stderr).unwrap(),
        };
        assert!(self.is_empty(), "the run left something in its temporary folder");
        run
    }

    /// A scenario of this text.
    pub fn scenario(&self, name: &str, text: &str) -> PathBuf {
        let path = self.out.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    pub fn is_empty(&self) -> bool {
        fs::read_dir(self.temp.path()).unwrap().next().is_none()
    }
}

impl Run {
    /// Asserts the exit code, and shows everything where it is another.
    #[track_caller]
    pub fn expect(&self, code: i32) -> &Self {
        assert_eq!(self.code, code, "{}\n{:#}", self.errors, self.summary);
        self
    }
}

/// A scenario of the project.
pub fn scenario(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(format!("{name}.toml"))
}

/// Processes, by command line, that name this folder or were started in it.
pub fn processes_of(folder: &Path) -> Vec<String> {
    let folder = folder.to_str().unwrap();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
        let is_ours = command.contains(folder)
            || String::from_utf8_lossy(&environment).contains(&format!("TMPDIR={folder}"));
        if is_ours && !command.is_empty() {
            found.push(command);
        }
    }
    found
}

/// Waits until something holds, for as long as it may take.
#[track_caller]
pub fn wait(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !holds() {
        assert!(Instant::now() < deadline, "not within {limit:?}: {what}");
        std::thread::yield_now();
    }
}
