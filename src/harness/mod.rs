//! Proves or disproves a booking server: scenario-driven load and faults, then a judgement from the clients' history,
//! the database and the payment ledger. A black box to the server: it speaks HTTP and never names `api` or `booking`.

/// What a run is decided by, once checked.
pub mod plan;
/// What became of a run.
pub mod summary;
/// Randomness by name.
pub mod random;
/// Reading tables key by key, and what is wrong with them.
pub mod parsing;
/// A scenario file and the plan made from it.
pub mod scenario;
/// What the clients saw, on disk before anything is judged.
pub mod recorder;
/// The data plane against a booking API in memory.
#[cfg(test)]
mod rehearsal;
/// Invariants over a recorded run.
pub mod checkers;
/// Booking APIs that a run can be aimed at.
pub mod targets;
/// When buyers come.
pub mod load;
/// What buyers do.
pub mod workloads;
/// How requests ended whose clients never knew.
pub mod settle;
/// What a last buyer sees when everything has come to rest.
pub mod last_look;
/// The folder of a run.
pub mod run_dir;
/// A run as reports see it.
pub mod run_record;
/// What is reported of runs.
pub mod reports;
/// What can be broken on purpose.
pub mod faults;
/// The faults' way to the fault proxy.
pub mod proxy_control;
/// Prometheus text.
pub mod exposition;
/// Limits on what was measured.
pub mod thresholds;
/// How a run goes on.
pub mod progress;
/// A run from the plan to the verdict.
pub mod run;
