//! `ticketctl chaos validate`: is a scenario file right? Starts nothing.

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::booking::strategies;
use crate::cli::output;
use crate::harness::parsing::problem::Problem;
use crate::harness::plan::Plan;
use crate::harness::scenario::{self, Form, Known, Overrides, ScenarioError};

/// Check scenario files without starting anything.
///
/// Both forms of a scenario are checked: as written, and with its `[quick]` table laid over it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  ticketctl chaos validate scenarios/*.toml
  ticketctl chaos validate my-sale.toml --json

Exit codes: 0 every file is right · 2 at least one is not")]
pub struct Args {
    /// Scenario files.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print one JSON array, an item a file.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> ExitCode {
    let known = Known { strategies: &strategies::names() };
    let overrides = Overrides { form: Form::Full, ..Overrides::default() };
    let results: Vec<_> =
        args.files.iter().map(|file| (file, scenario::load(file, &known, &overrides))).collect();
    if args.json {
        let items: Vec<Value> = results
            .iter()
            .map(|(file, result)| item(&file.display().to_string(), result))
            .collect();
        output::data(format!("{:#}", Value::Array(items)));
    } else {
        for (file, result) in &results {
            match result {
                Ok(plan) => output::data(format!("{}: OK, {}", file.display(), plan.title)),
                Err(error) => output::note(error),
            }
        }
    }
    if results.iter().all(|(_, result)| result.is_ok()) {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(2)
    }
}

fn item(file: &str, result: &Result<Plan, ScenarioError>) -> Value {
    let problem = |problem: &Problem| {
        let (line, column) = problem.position.unzip();
        json!({ "line": line, "column": column, "message": problem.message })
    };
    match result {
        Ok(plan) => json!({ "file": file, "ok": true, "title": plan.title, "problems": [] }),
        Err(error) => {
            let problems: Vec<Value> = error.problems.iter().map(problem).collect();
            json!({ "file": file, "ok": false, "title": null, "problems": problems })
        }
    }
}
