//! Parses the command line, runs the command, maps its result to an exit code; nothing else.

#![expect(dead_code, reason = "used by parts that come later")]

mod clock;
mod wire;
mod cli;
mod stack;

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
