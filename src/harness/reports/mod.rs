//! What is reported of runs. To add a format: a new file, its `mod` line, a line in `REPORTS`.

pub mod table;
pub mod json;
mod junit;

use std::io::{self, Write};

use super::summary::Summary;

/// Every report format that `--out FORMAT=FILE` can write.
pub const REPORTS: &[&dyn Report] = &[&json::Json, &junit::Junit, &table::Text];

/// A report format.
pub trait Report: Sync {
    /// Its name, as `--out` writes it.
    fn name(&self) -> &'static str;
    /// One line for `chaos list`.
    fn summary(&self) -> &'static str;
    /// Writes the report of one or several runs.
    fn write(&self, runs: &[Summary], out: &mut dyn Write) -> io::Result<()>;
}

/// The exit code of several runs: the worst of theirs. From bad to worse: pass, thresholds crossed, void, an invariant
/// broke, could not run; a run that could not be made outweighs all, since the gate has not seen what it asked for.
pub fn worst_exit_code(codes: impl IntoIterator<Item = u8>) -> u8 {
    const FROM_BAD_TO_WORSE: [u8; 6] = [0, 99, 3, 1, 2, 4];
    let badness = |code: &u8| {
        FROM_BAD_TO_WORSE.iter().position(|each| each == code).unwrap_or(FROM_BAD_TO_WORSE.len())
    };
    codes.into_iter().max_by_key(badness).unwrap_or(0)
}

#[cfg(test)]
pub mod samples;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_of_several_runs_decides() {
        assert_eq!(worst_exit_code([]), 0);
        assert_eq!(worst_exit_code([0, 99, 0]), 99);
        assert_eq!(worst_exit_code([99, 3, 0]), 3);
        assert_eq!(worst_exit_code([3, 1, 99]), 1);
        assert_eq!(worst_exit_code([4, 1]), 4);
    }

    #[test]
    fn every_format_has_its_own_name_and_writes_something_for_no_one_and_many_runs() {
        let runs = [samples::passed(), samples::failed(), samples::void()];
        for report in REPORTS {
            assert_eq!(REPORTS.iter().filter(|other| other.name() == report.name()).count(), 1);
            for count in 0..=runs.len() {
                let mut out = Vec::new();
                report.write(&runs[..count], &mut out).unwrap();
                assert!(!out.is_empty(), "{} wrote nothing for {count} runs", report.name());
            }
        }
    }
}
