//! The only file that prints: data to stdout, everything else to stderr.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write};

use serde::Serialize;

/// A line of data. A reader that went away (`| head`) is no error.
pub fn data(line: impl Display) {
    ignore_closed_pipe(writeln!(io::stdout(), "{line}"));
}

/// A line for a human.
pub fn note(line: impl Display) {
    ignore_closed_pipe(writeln!(io::stderr(), "{line}"));
}

/// A value as one line of JSON on stdout.
pub fn json<T: Serialize>(value: &T) -> anyhow::Result<()> {
    data(serde_json::to_string(value)?);
    Ok(())
}

/// Whatever is written to stdout by a writer of its own.
pub fn write(writer: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    match writer(&mut stdout).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Whether stdout may carry colours: on a terminal, without `NO_COLOR`.
pub fn may_colour() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Whether a human watches stderr, so that a progress bar makes sense.
pub fn is_watched() -> bool {
    io::stderr().is_terminal()
}

fn ignore_closed_pipe(_written: io::Result<()>) {}
