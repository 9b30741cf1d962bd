//! Stops a process without ending it, as a long garbage collection or a frozen VM would. Knows nothing of what it does.

use super::{Fault, Strikes};

/// SIGSTOP, then SIGCONT.
pub struct Pause;

impl Fault for Pause {
    fn name(&self) -> &'static str {
        "pause"
    }

    fn summary(&self) -> &'static str {
        "freezes a process with SIGSTOP and lets it run on afterwards, unaware"
    }

    fn strikes(&self) -> Strikes {
        Strikes::Processes
    }
}
