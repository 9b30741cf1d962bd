//! `ticketctl chaos list`: every name that a scenario may use, read from the tables that the program itself works by.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::coverage;
use crate::booking::strategies::STRATEGIES;
use crate::cli::output;
use crate::harness::checkers::CHECKERS;
use crate::harness::faults::{self, Key};
use crate::harness::load::executors::EXECUTORS;
use crate::harness::reports::REPORTS;
use crate::harness::targets::TARGETS;
use crate::harness::thresholds::METRICS;
use crate::harness::workloads::WORKLOADS;

/// List everything that a scenario may name.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  ticketctl chaos list
  ticketctl chaos list --json
  ticketctl chaos list --coverage")]
pub struct Args {
    /// Print how many facts each checker judges in each scenario that ships, in its short form.
    #[arg(long)]
    coverage: bool,
    /// Print one JSON object, an array a kind of name.
    #[arg(long)]
    json: bool,
}

/// One kind of name: `[name, details, summary]` of each.
pub type Group = (&'static str, Vec<[String; 3]>);

/// Runs the command.
pub fn run(args: &Args) -> ExitCode {
    if args.coverage {
        coverage::print(args.json);
        return ExitCode::SUCCESS;
    }
    let groups = groups();
    if args.json {
        let item = |[name, details, summary]: &[String; 3]| json!({ "name": name, "details": details, "summary": summary });
        let group =
            |(title, rows): &Group| ((*title).to_owned(), rows.iter().map(item).collect::<Value>());
        output::data(format!("{:#}", Value::Object(groups.iter().map(group).collect())));
        return ExitCode::SUCCESS;
    }
    for (index, (title, rows)) in groups.iter().enumerate() {
        let mut table = output::table();
        table.add_rows(columns(rows));
        output::data(format!("{}{title}\n{}", if index > 0 { "\n" } else { "" }, table.trim_fmt()));
    }
    ExitCode::SUCCESS
}

/// Every kind of name.
pub fn groups() -> Vec<Group> {
    vec![
        ("strategies", STRATEGIES.iter().map(|each| row(each.name, "", each.summary)).collect()),
        ("targets", TARGETS.iter().map(|each| row(each.name, "", each.summary)).collect()),
        ("executors", EXECUTORS.iter().map(|each| row(each.name(), "", each.summary())).collect()),
        (
            "workloads",
            WORKLOADS
                .iter()
                .map(|each| {
                    let details = if each.in_background() { "background" } else { "" };
                    row(each.name(), details, each.summary())
                })
                .collect(),
        ),
        (
            "faults",
            faults::all()
                .map(|each| row(each.name(), &key_lines(&each.keys()), each.summary()))
                .collect(),
        ),
        ("checkers", CHECKERS.iter().map(|each| row(each.name(), "", each.summary())).collect()),
        (
            "metrics",
            METRICS
                .iter()
                .map(|each| {
                    row(each.name, &metric_details(each.tags, each.kind.statistics()), each.summary)
                })
                .collect(),
        ),
        ("reports", REPORTS.iter().map(|each| row(each.name(), "", each.summary())).collect()),
    ]
}

/// Details stand between name and summary where each is a few words, and below the summary, a row a line, where some take
/// several lines.
fn columns(rows: &[[String; 3]]) -> Vec<Vec<String>> {
    if rows.iter().all(|[_, details, _]| !details.contains('\n')) {
        return rows.iter().map(|row| row.to_vec()).collect();
    }
    let cells = |[name, details, summary]: &[String; 3]| {
        let below = details.lines().map(|line| vec![String::new(), format!("- {line}")]);
        std::iter::once(vec![name.clone(), summary.clone()]).chain(below).collect::<Vec<_>>()
    };
    rows.iter().flat_map(cells).collect()
}

fn row(name: &str, details: &str, summary: &str) -> [String; 3] {
    [name.to_owned(), details.to_owned(), summary.to_owned()]
}

/// The keys that say all by their names in one line, then each of the others in a line of its own.
fn key_lines(keys: &[Key]) -> String {
    let (plain, described): (Vec<&Key>, Vec<&Key>) =
        keys.iter().partition(|key| key.summary.is_empty());
    let plain: Vec<&str> = plain.iter().map(|key| key.name.as_str()).collect();
    let described = described.iter().map(|key| format!("{}: {}", key.name, key.summary));
    let first = Some(plain.join(", ")).filter(|first| !first.is_empty());
    first.into_iter().chain(described).collect::<Vec<_>>().join("\n")
}

fn metric_details(tags: &[&str], statistics: &[&str]) -> String {
    let tags = if tags.is_empty() { String::new() } else { format!("{{{}}} ", tags.join(",")) };
    format!("{tags}{}", statistics.join(", "))
}
