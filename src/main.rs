//! Parses the command line, runs the command, maps its result to an exit code; nothing else.
#![expect(dead_code, reason = "the parts land one after another")]

mod clock;
mod entropy;
mod domain;
mod locks;
mod payments;
mod booking;
mod api;
mod harness;
mod storage;
mod wire;

fn main() {}
