//! `ticketctl toxiproxy` as a user runs it: the built binary, its output and its signals.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

/// Running the program.
mod server;
/// What it says, and how it ends.
mod starting;
/// Clients of other languages.
mod clients;
/// When something is short.
mod scarcity;
