//! Parses the command line, runs the command, maps its result to an exit code; nothing else.

mod clock;
mod wire;

fn main() {}
