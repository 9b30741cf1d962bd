//! Summaries as JSON, for other programs: an object for one run, an array for several. Adds nothing to the summary.

use std::io::{self, Write};

use super::Report;
use crate::harness::run_record::RunRecord;
use crate::harness::summary::Summary;

/// JSON.
pub struct Json;

impl Report for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn summary(&self) -> &'static str {
        "the summary as JSON: an object for one run, an array for several"
    }

    fn file(&self) -> Option<&'static str> {
        Some("summary.json")
    }

    fn write(&self, runs: &[RunRecord], out: &mut dyn Write) -> io::Result<()> {
        let summaries: Vec<&Summary> = runs.iter().map(|run| &run.summary).collect();
        match summaries.as_slice() {
            [run] => serde_json::to_writer_pretty(&mut *out, run)?,
            runs => serde_json::to_writer_pretty(&mut *out, runs)?,
        }
        writeln!(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::reports::samples;

    #[test]
    fn one_run_is_an_object_that_reads_back_and_several_are_an_array() {
        let mut out = Vec::new();
        let runs = samples::recorded(&[samples::failed()]);
        Json.write(&runs.records, &mut out).unwrap();
        assert_eq!(serde_json::from_slice::<Summary>(&out).unwrap(), samples::failed());
        out.clear();
        let runs = samples::recorded(&[samples::passed(), samples::void()]);
        Json.write(&runs.records, &mut out).unwrap();
        assert_eq!(
            serde_json::from_slice::<Vec<Summary>>(&out).unwrap(),
            [samples::passed(), samples::void()]
        );
    }
}
