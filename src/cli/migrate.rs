//! `ticketctl migrate`: brings the schema up to date.

use std::process::ExitCode;

use anyhow::Context as _;
use serde::Serialize;

use super::output;
use super::shared::Database;
use crate::storage::migrations;

const EXAMPLES: &str = "\
Examples:
  ticketctl migrate
  ticketctl migrate --dry-run --json";

/// Bring the database's schema up to date.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    database: Database,
    /// Only say what is missing.
    #[arg(long)]
    dry_run: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    migrations: Vec<String>,
    dry_run: bool,
}

/// Migrates, or says what is missing.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let storage = args.database.open_bare().await?;
    let done = if args.dry_run {
        migrations::lacking(&storage).await
    } else {
        migrations::migrate(&storage).await
    };
    let done = done.context("the schema could not be brought up to date")?;
    if args.json {
        output::json(&Report { migrations: done, dry_run: args.dry_run })?;
    } else if done.is_empty() {
        output::data("the schema is up to date");
    } else {
        let verb = if args.dry_run { "missing" } else { "applied" };
        for migration in done {
            output::data(format_args!("{verb} {migration}"));
        }
    }
    Ok(ExitCode::SUCCESS)
}
