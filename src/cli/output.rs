//! The only file that prints: data to stdout, everything else to stderr.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is the one place that prints")]

use std::fmt::Display;

/// A line of data.
pub fn data(line: impl Display) {
    println!("{line}");
}

/// A line for a human.
pub fn note(line: impl Display) {
    eprintln!("{line}");
}
