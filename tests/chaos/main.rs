//! Black-box: `ticketctl chaos run` as a user and a CI pipeline run it, on real PostgreSQL and Redis.
#![expect(clippy::unwrap_used, reason = "in a test the panic is the report")]

/// Running the program, and what it leaves.
mod program;
/// The on-sale, under every strategy.
mod scenarios;
/// The verdict can say no.
mod verdicts;
/// The harness finds the bugs that it is there for.
mod self_test;
/// Requests in every order.
mod interleavings;
/// What is refused before anything runs, and what a killed run leaves behind.
mod refusals;
