//! `ticketctl chaos run`: run scenarios and judge them.

use std::path::PathBuf;

use super::EXIT_CODES;
use crate::booking::strategies;
use crate::harness::reports::REPORTS;
use crate::harness::scenario::{Form, Overrides};

/// Run scenarios and judge what happened.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[command(after_help = format!("\
Examples:
  ticketctl chaos run scenarios/flash-sale.toml
  ticketctl chaos run scenarios/flash-sale.toml --strategy naive      # has to be caught: exit code 1
  ticketctl chaos run scenarios/*.toml --quick --out junit=chaos.xml
  ticketctl chaos run scenarios/server-crash.toml --seed 7 --json

{EXIT_CODES}"))]
pub struct Args {
    /// Scenario files, run one after another.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Booking strategy, instead of the scenario's.
    #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(strategies::names()))]
    pub strategy: Option<String>,
    /// Seed of every random choice, instead of the scenario's.
    // TOML, in which the plan is kept, ends where i64 ends.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=i64::MAX.unsigned_abs()))]
    pub seed: Option<u64>,
    /// Server processes, 1 to 8, instead of the scenario's.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=8))]
    pub instances: Option<u32>,
    /// Run the short form: the scenario with its [quick] table laid over it.
    #[arg(long)]
    pub quick: bool,
    /// Write a report to a file as well; may be repeated. Formats: json, junit, text.
    #[arg(long, value_name = "FORMAT=FILE", value_parser = parse_out)]
    pub out: Vec<Out>,
    /// Leave servers and stores running after the run, and say how to reach and end them.
    #[arg(long)]
    pub keep_stack: bool,
    /// Folder for everything recorded, new or empty, instead of runs/SCENARIO-SEED-TIME; of several files, each gets a
    /// folder of its own in it.
    #[arg(long, value_name = "DIR")]
    pub run_dir: Option<PathBuf>,
    /// Print the summary as JSON to stdout instead of the table, and no progress.
    #[arg(long)]
    pub json: bool,
    /// No progress, only the verdict.
    #[arg(long, short)]
    pub quiet: bool,
}

/// A report to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Out {
    /// Name of a report format.
    pub format: &'static str,
    /// Where to.
    pub file: PathBuf,
}

impl Args {
    /// What is to be taken instead of the scenario's own.
    pub fn overrides(&self) -> Overrides {
        Overrides {
            strategy: self.strategy.clone(),
            seed: self.seed,
            instances: self.instances,
            form: if self.quick { Form::Quick } else { Form::Full },
        }
    }
}

fn parse_out(text: &str) -> Result<Out, String> {
    let names: Vec<&str> = REPORTS.iter().map(|report| report.name()).collect();
    let (format, file) = text
        .split_once('=')
        .filter(|(_, file)| !file.is_empty())
        .ok_or("write it as FORMAT=FILE, such as json=run.json")?;
    let report = REPORTS
        .iter()
        .find(|report| report.name() == format)
        .ok_or_else(|| format!("unknown format \"{format}\"; valid names: {}", names.join(", ")))?;
    Ok(Out { format: report.name(), file: PathBuf::from(file) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_well_formed() {
        <Args as clap::Args>::augment_args(clap::Command::new("run")).debug_assert();
    }

    #[test]
    fn an_unknown_format_is_refused_with_the_valid_ones() {
        assert_eq!(
            parse_out("junit=a=b.xml"),
            Ok(Out { format: "junit", file: PathBuf::from("a=b.xml") })
        );
        assert!(parse_out("xml=a").unwrap_err().contains("json, junit, text"));
        assert!(parse_out("json=").unwrap_err().contains("FORMAT=FILE"));
        assert!(parse_out("json").unwrap_err().contains("FORMAT=FILE"));
    }
}
