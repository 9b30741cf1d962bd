//! `ticketctl completions`: what a shell completes.

use std::process::ExitCode;

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::{Cli, output};

const EXAMPLES: &str = "\
Examples:
  ticketctl completions bash > /etc/bash_completion.d/ticketctl
  source <(ticketctl completions zsh)";

/// Print a shell's completions.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Which shell.
    shell: Shell,
}

/// Prints them.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "ticketctl", &mut script);
    output::data(String::from_utf8(script)?.trim_end());
    Ok(ExitCode::SUCCESS)
}
