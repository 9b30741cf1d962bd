//! Flags as programs in Go take them, made into those that clap takes: so that what starts Toxiproxy's server starts ours.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::{ArgAction, Command};

/// The original's name: under it, for example by a link, the program is the fault proxy and nothing else.
const ORIGINAL: &str = "toxiproxy-server";
const SUBCOMMAND: &str = "toxiproxy";

/// The arguments of `program` as clap takes them: those of the fault proxy rewritten, all others as they are.
pub fn rewritten(program: &Command, arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<_> = arguments.collect();
    let started_as = arguments.first().and_then(|path| Path::new(path).file_name());
    if started_as == Some(OsStr::new(ORIGINAL)) {
        arguments.insert(1, SUBCOMMAND.into());
    }
    let Some(command) = program.find_subcommand(SUBCOMMAND) else { return arguments };
    if arguments.get(1).is_none_or(|name| name != SUBCOMMAND) {
        return arguments;
    }
    let flags = arguments.split_off(2);
    arguments.extend(flags.into_iter().filter_map(|argument| match argument.to_str() {
        Some(text) => rewrite(command, text).map(OsString::from),
        None => Some(argument),
    }));
    arguments
}

/// One dash becomes two, and a switch that is given a value becomes one that is there, or (`None`) is not.
fn rewrite(command: &Command, argument: &str) -> Option<String> {
    let Some(flag) = flag(argument) else { return Some(argument.to_owned()) };
    let on_or_off = flag.split_once('=').filter(|(name, _)| is_switch(command, name));
    match on_or_off.and_then(|(name, value)| Some((name, boolean(value)?))) {
        Some((name, true)) => Some(format!("--{name}")),
        Some((_, false)) => None,
        None => Some(format!("--{flag}")),
    }
}

/// What follows the dashes of a flag with a long name; the letters that clap knows and negative numbers are none.
fn flag(argument: &str) -> Option<&str> {
    let flag = argument.strip_prefix("--").or_else(|| argument.strip_prefix('-'))?;
    (flag.len() > 1 && flag.starts_with(|letter: char| letter.is_ascii_alphabetic()))
        .then_some(flag)
}

fn is_switch(command: &Command, name: &str) -> bool {
    command.get_arguments().any(|argument| {
        argument.get_long() == Some(name) && matches!(argument.get_action(), ArgAction::SetTrue)
    })
}

/// What Go's `strconv.ParseBool` takes.
fn boolean(value: &str) -> Option<bool> {
    match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Cli;

    fn check(arguments: &str, expected: &str) {
        let words = arguments.split(' ').map(OsString::from);
        let found = rewritten(&Cli::command(), words).join(OsStr::new(" "));
        assert_eq!(found, expected, "{arguments}");
    }

    #[test]
    fn flags_of_the_fault_proxy_get_their_second_dash_and_others_stay() {
        for (arguments, expected) in [
            ("ticketctl toxiproxy -host ::1 -port=1", "ticketctl toxiproxy --host ::1 --port=1"),
            ("ticketctl toxiproxy --host a -h -V", "ticketctl toxiproxy --host a -h -V"),
            ("ticketctl toxiproxy -seed -5 - --", "ticketctl toxiproxy --seed -5 - --"),
            ("ticketctl toxiproxy -proxy-metrics=F -x", "ticketctl toxiproxy -x"),
            ("ticketctl toxiproxy --proxy-metrics=1", "ticketctl toxiproxy --proxy-metrics"),
            ("ticketctl toxiproxy -proxy-metrics=2", "ticketctl toxiproxy --proxy-metrics=2"),
            ("ticketctl toxiproxy -config=true", "ticketctl toxiproxy --config=true"),
            ("ticketctl serve -port 1", "ticketctl serve -port 1"),
            ("/bin/toxiproxy-server -port 1", "/bin/toxiproxy-server toxiproxy --port 1"),
            ("ticketctl", "ticketctl"),
        ] {
            check(arguments, expected);
        }
    }
}
