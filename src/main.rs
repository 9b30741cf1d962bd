//! Parses the command line, runs the command, maps its result to an exit code; nothing else.
#![expect(dead_code, unused_imports, reason = "the parts land one after another")]

mod cli;
mod clock;
mod harness;
mod storage;
mod wire;

use std::process::ExitCode;

use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    match cli::run(cli::Cli::parse()).await {
        Ok(code) => code,
        Err(error) => {
            cli::output::note(format!("error: {error:#}"));
            ExitCode::from(4)
        }
    }
}
