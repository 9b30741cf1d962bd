//! The only file that prints: data to stdout, everything else to stderr.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write};

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

/// Columns of what is printed where there is no terminal to measure.
const COLUMNS: u16 = 100;

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

/// How wide a line of a table may be: the terminal's width, or 100 where stdout is no terminal.
pub fn columns() -> u16 {
    terminal_size::terminal_size_of(io::stdout()).map_or(COLUMNS, |(width, _)| width.0)
}

/// A table without lines or colours that fits the terminal.
pub fn table() -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .force_no_tty()
        .set_width(columns());
    table
}

/// An error and its causes in one line. Many errors have their cause's words in their own: it is not said again.
pub fn one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if line.is_empty() {
            line = cause;
        } else if !line.ends_with(&cause) {
            line.push_str(": ");
            line.push_str(&cause);
        }
    }
    line
}

/// Whether a human watches stderr, so that a progress bar makes sense.
pub fn is_watched() -> bool {
    io::stderr().is_terminal()
}

fn ignore_closed_pipe(_written: io::Result<()>) {}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::one_line;

    #[test]
    fn a_cause_that_was_said_is_not_said_again() {
        let refused =
            anyhow!("refused").context("no connection: refused").context("can't reach it");
        assert_eq!(one_line(&refused), "can't reach it: no connection: refused");
        assert_eq!(one_line(&anyhow!("full").context("can't write")), "can't write: full");
    }
}
