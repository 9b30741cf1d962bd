//! The command line: one file a subcommand; this one only dispatches. The composition root: here, and nowhere else, the
//! parts are put together.

/// The one place that prints.
pub mod output;
/// Arguments that several commands share.
pub mod shared;
/// The program as a process.
pub mod process;
/// What the user gave and no command can use.
pub mod bad_input;
/// Which payment provider.
pub mod payments;
/// The booking server.
pub mod serve;
/// The database that the server is given.
pub mod served_database;
/// What a client of the server may take.
pub mod limits;
/// Leases.
pub mod locks;
/// What browsers are told by the server.
pub mod security_headers;
/// A bug on purpose.
pub mod sabotage;
/// What the server says about itself.
pub mod telemetry;
/// Proof that no seat is sold twice.
pub mod chaos;
/// The schema.
pub mod migrate;
/// Who may sign in.
pub mod user;
/// Events and seats.
pub mod seed;
/// Jobs of the servers, by hand.
pub mod jobs;
/// What must not be.
pub mod audit;
/// What this machine lacks.
pub mod doctor;
/// The fault proxy by itself.
pub mod toxiproxy;
/// What starts Toxiproxy's server.
pub mod go_flags;
/// A stack for working by hand.
pub mod stack;
/// What ends a stack when its parent is gone.
pub mod guard;
/// Ratios within one run.
pub mod bench;
/// What a shell completes.
pub mod completions;

use std::process::ExitCode;

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command as Clap, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use bad_input::BadInput;

const AFTERWARDS: &str = "\
Examples:
  ticketctl chaos run scenarios/flash-sale.toml
  eval \"$(ticketctl stack up)\" && ticketctl migrate && ticketctl serve
  ticketctl help serve

Exit codes:
  0   done; for a chaos run: passed
  1   an invariant broke, or audit found something
  2   bad arguments, settings or scenario
  3   a chaos run is void or its outcome unknown; stack status: not running
  4   could not run: a component is missing or failed
  99  a chaos run crossed thresholds, and only that";

/// Columns of help texts. On a narrower terminal the terminal wraps, so that an example can still be copied whole.
pub const HELP_WIDTH: usize = 100;
const ADVICE: &str = "set DATABASE_URL, and JWT_SECRET to serve: `eval \"$(ticketctl stack up)\"` does that for a throwaway stack, \
    and .env.example lists every setting";

/// A ticket booking server, and the chaos harness that proves it never sells a seat twice.
#[derive(Debug, Parser)]
#[command(name = "ticketctl", version, after_help = AFTERWARDS, term_width = HELP_WIDTH)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[expect(clippy::large_enum_variant, reason = "there is one of it in the whole program")]
#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Args),
    Chaos(chaos::Args),
    Migrate(migrate::Args),
    User(user::Args),
    Seed(seed::Args),
    #[command(flatten)]
    Job(jobs::JobCommand),
    Audit(audit::Args),
    Doctor(doctor::Args),
    Stack(stack::Args),
    Toxiproxy(toxiproxy::Args),
    Bench(bench::Args),
    Completions(completions::Args),
    #[command(hide = true)]
    Guard(guard::Args),
}

/// What was typed. A variable of the environment that is empty counts as one that is not set: so a copied `.env.example`
/// means what it says.
///
/// # Errors
/// What was typed is no command, or asks for help.
pub fn parse() -> Result<Cli, clap::Error> {
    let command = without_empty_variables(Cli::command());
    let arguments = go_flags::rewritten(&command, std::env::args_os());
    let matches = command.try_get_matches_from(arguments);
    matches.and_then(|matches| Cli::from_arg_matches(&matches)).map_err(with_advice)
}

fn without_empty_variables(command: Clap) -> Clap {
    let is_empty =
        |arg: &Arg| arg.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty());
    command
        .mut_args(|arg| if is_empty(&arg) { arg.env(Resettable::Reset) } else { arg })
        .mut_subcommands(without_empty_variables)
}

/// Where the settings without which nothing works come from.
fn with_advice(mut error: clap::Error) -> clap::Error {
    let missing = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::Strings(missing))
            if error.kind() == ErrorKind::MissingRequiredArgument =>
        {
            missing
        }
        _ => return error,
    };
    if missing
        .iter()
        .any(|arg| ["--database-url", "--jwt-secret"].iter().any(|name| arg.starts_with(name)))
    {
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![ADVICE.into()]));
    }
    error
}

/// Runs the command.
pub async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Serve(args) => serve::run(args).await,
        Command::Chaos(args) => Box::pin(chaos::run(args)).await,
        Command::Migrate(args) => migrate::run(args).await,
        Command::User(args) => user::run(args).await,
        Command::Seed(args) => seed::run(args).await,
        Command::Job(command) => jobs::run(command).await,
        Command::Audit(args) => audit::run(args).await,
        Command::Doctor(args) => doctor::run(args).await,
        Command::Toxiproxy(args) => toxiproxy::run(args).await,
        Command::Stack(args) => stack::run(args).await,
        Command::Bench(args) => Box::pin(bench::run(args)).await,
        Command::Completions(args) => completions::run(&args),
        Command::Guard(args) => guard::run(args).await,
    }
}

/// 2 for bad input, 4 for everything that kept a command from running.
pub fn exit_code_of(error: &anyhow::Error) -> ExitCode {
    ExitCode::from(if error.chain().any(<dyn std::error::Error + 'static>::is::<BadInput>) {
        2
    } else {
        4
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Cli;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
