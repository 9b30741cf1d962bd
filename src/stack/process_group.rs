//! The process group that a stack's processes run in, and the folder they work in. Knows none of them.

use std::path::PathBuf;

use rustix::process::Pid;

/// Where the processes of one stack run.
#[derive(Debug, Clone)]
pub struct ProcessGroup {
    /// What the kernel knows it by: the guard's process id.
    pub id: Pid,
    /// The stack's folder.
    pub folder: PathBuf,
}

impl ProcessGroup {
    /// Where every process logs to `NAME.log`.
    pub fn logs(&self) -> PathBuf {
        self.folder.join("logs")
    }

    /// The log file of a process.
    pub fn log(&self, name: &str) -> PathBuf {
        self.logs().join(format!("{name}.log"))
    }
}
