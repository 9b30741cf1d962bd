//! `--out FORMAT=FILE`: reports written to files of the user's, for every command that judges a run.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;

use anyhow::Context as _;

use crate::cli::bad_input::BadInput;
use crate::harness::reports::{REPORTS, Report};
use crate::harness::run_record::RunRecord;

/// A report to write.
#[derive(Debug, Clone)]
pub struct Out {
    format: &'static str,
    file: PathBuf,
}

/// The flag's help, with every format there is.
pub fn help() -> String {
    format!("Write a report to a file as well; may be repeated. Formats: {}", names().join(", "))
}

/// Reads the flag's value.
pub fn parse(text: &str) -> Result<Out, String> {
    let (format, file) = text
        .split_once('=')
        .filter(|(_, file)| !file.is_empty())
        .ok_or("write it as FORMAT=FILE, such as json=run.json")?;
    let report = find(format).ok_or_else(|| {
        format!("unknown format \"{format}\"; valid names: {}", names().join(", "))
    })?;
    Ok(Out { format: report.name(), file: PathBuf::from(file) })
}

/// Opens the reports' files before anything runs: an hour of load is not to end in a misspelt path.
pub fn open(outs: &[Out]) -> anyhow::Result<Vec<File>> {
    let open = |out: &Out| {
        let refuse = |error| BadInput(format!("{} can't be written: {error}", out.file.display()));
        File::create(&out.file).map_err(refuse).map_err(anyhow::Error::from)
    };
    outs.iter().map(open).collect()
}

/// Writes the runs into the files that were opened for these.
pub fn write(outs: &[Out], files: Vec<File>, runs: &[RunRecord]) -> anyhow::Result<()> {
    for (out, file) in outs.iter().zip(files) {
        let report = find(out.format).context("formats were checked")?;
        let mut file = BufWriter::new(file);
        let written = report.write(runs, &mut file).and_then(|()| file.flush());
        written.with_context(|| format!("{} could not be written", out.file.display()))?;
    }
    Ok(())
}

fn find(name: &str) -> Option<&'static dyn Report> {
    REPORTS.iter().copied().find(|report| report.name() == name)
}

fn names() -> Vec<&'static str> {
    REPORTS.iter().map(|report| report.name()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_format_is_refused_with_the_valid_ones() {
        let out = parse("junit=a=b.xml").unwrap();
        assert_eq!((out.format, out.file), ("junit", PathBuf::from("a=b.xml")));
        assert!(parse("xml=a").unwrap_err().contains(&names().join(", ")));
        assert!(parse("json=").unwrap_err().contains("FORMAT=FILE"));
        assert!(parse("json").unwrap_err().contains("FORMAT=FILE"));
    }
}
