//! What is reported of runs. To add a format: a new file, its `mod` line, a line in `REPORTS`.

pub mod table;
mod columns;
pub mod json;
mod junit;
mod timeline;
#[cfg(test)]
pub mod samples;

use std::io::{self, Write};

use super::run_record::RunRecord;

/// Every report format that `--out FORMAT=FILE` can write.
pub const REPORTS: &[&dyn Report] =
    &[&json::Json, &junit::Junit, &table::Text, &timeline::Timeline];

/// A report format.
pub trait Report: Sync {
    /// Its name, as `--out` writes it.
    fn name(&self) -> &'static str;
    /// One line for `chaos list`.
    fn summary(&self) -> &'static str;
    /// The file that every run's own report goes to, in the run's folder, where every run has one.
    fn file(&self) -> Option<&'static str> {
        None
    }
    /// Writes the report of one or several runs.
    fn write(&self, runs: &[RunRecord], out: &mut dyn Write) -> io::Result<()>;
}

/// Writes the reports that every run has into its folder: `summary.json`, `junit.xml`, `report.txt`.
pub fn write_beside(run: &RunRecord) -> anyhow::Result<()> {
    for report in REPORTS {
        let Some(file) = report.file() else { continue };
        let mut text = Vec::new();
        report.write(std::slice::from_ref(run), &mut text)?;
        run.run_dir().write_report(file, &text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_has_its_own_name_and_writes_something_for_no_one_and_many_runs() {
        let runs = samples::recorded(&[samples::passed(), samples::failed(), samples::void()]);
        for report in REPORTS {
            assert_eq!(REPORTS.iter().filter(|other| other.name() == report.name()).count(), 1);
            for count in 0..=runs.records.len() {
                let mut out = Vec::new();
                report.write(&runs.records[..count], &mut out).unwrap();
                assert!(!out.is_empty(), "{} wrote nothing for {count} runs", report.name());
            }
        }
    }

    #[test]
    fn every_run_has_its_summary_and_its_reports_in_its_folder() {
        let runs = samples::recorded(&[samples::failed()]);
        write_beside(&runs.records[0]).unwrap();
        for file in ["summary.json", "junit.xml", "report.txt"] {
            let text =
                std::fs::read_to_string(runs.records[0].run_dir().path().join(file)).unwrap();
            assert!(text.contains("no-double-sell-database"), "{file}");
        }
    }
}
