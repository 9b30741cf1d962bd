//! Parses the command line, runs the command, maps its result to an exit code; nothing else.

mod clock;
mod entropy;
mod metrics;
mod wire;
mod domain;
mod storage;
mod locks;
mod payments;
mod accounts;
mod booking;
mod api;
mod pgwire;
mod sabotage;
mod toxiproxy;
mod stack;
mod harness;
mod interleave;
mod cli;
#[cfg(test)]
mod tests;

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = cli::parse().unwrap_or_else(|error| error.exit());
    match cli::run(cli).await {
        Ok(code) => code,
        Err(error) => {
            cli::output::note(format!("error: {}", cli::output::one_line(&error)));
            cli::exit_code_of(&error)
        }
    }
}
