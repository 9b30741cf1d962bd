//! `ticketctl guard`, hidden: the process that outlives a killed run and takes its stack down.

use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::stack::guard;

/// Take a stack down when the process that started it ends.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder to create the stack's folder in.
    temp_parent: PathBuf,
}

/// Runs until the stack is gone.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let pipe = io::stdin().as_fd().try_clone_to_owned()?;
    guard::watch(&args.temp_parent, pipe, io::stdout()).await?;
    Ok(ExitCode::SUCCESS)
}
