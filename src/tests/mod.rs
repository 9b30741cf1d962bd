//! Suites that need the internals. A contents page:

/// A server on real PostgreSQL and Redis, in this process.
mod app;
/// The built program.
pub mod program;
/// A client that sends bytes as they are.
mod raw;
/// Every answer is one that the API's description has.
mod contract;
/// Who may name whom.
mod layering;
/// No two files name each other.
mod circles;
/// Which file names what of which other one.
mod sources;
/// Rust's text as words and signs.
mod rust_tokens;
/// Every query is the one that was described.
mod queries;
/// What has the last word on every sale.
mod guard_index;
/// What every strategy promises, and the one that doesn't.
mod strategies;
/// The routes, their refusals included.
mod routes;
/// Who may call which route, the whole table.
mod access;
/// Preparing and editing events.
mod events;
/// Finding events.
mod finding;
/// One step, lists, cancellation, general admission, limits.
mod bookings;
/// Tickets and their check-in.
mod tickets;
/// The API's description of itself.
mod openapi;
/// Random walks through the states.
mod machines;
/// Requests that mean harm.
mod hostile;
/// Registering, logging in, and what a stolen token is worth.
mod accounts;
/// How often somebody may call.
mod limits;
/// Headers, ids, bounds, and what the log keeps to itself.
mod hardening;
/// What probes are told.
mod health;
/// What a server counts, and what its metrics mean.
mod metrics;
/// What README.md and docs/ say.
mod docs;
/// What `--help` says.
mod help;
/// What can be set is written down.
mod settings;
/// What documents list is what the program has.
mod reference;
/// Every key of a scenario is described.
mod scenario_keys;
/// One key, one effect.
mod idempotency;
/// Money follows seats, whatever dies in between.
mod saga;
/// Leases over Redis nodes.
mod redlock;
/// Jobs as an operator runs them.
mod commands;
/// Ending what ran out.
mod expiry;
/// What servers do by themselves: one contract over the whole table.
mod jobs;
/// When counts kept close are taken away, and when not.
mod availability;
/// The last moment of a hold.
mod deadlines;
/// The last moment of a sale.
mod sales_end;
/// How long and how much one user may hold.
mod hold_bounds;
/// What must not be is found.
mod audit;
