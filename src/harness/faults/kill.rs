//! Kills a process the hard way and starts it again. Knows nothing of what the process does.

use super::{Fault, Strikes};

/// SIGKILL, then a restart.
pub struct Kill;

impl Fault for Kill {
    fn name(&self) -> &'static str {
        "kill"
    }

    fn summary(&self) -> &'static str {
        "kills a process with SIGKILL and starts it again afterwards"
    }

    fn strikes(&self) -> Strikes {
        Strikes::Processes
    }
}
