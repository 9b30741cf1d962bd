//! Every setting of `serve` is in `.env.example`, with its default and what `--help` says of it.

use std::fmt::Write as _;
use std::fs;

use clap::{Arg, CommandFactory as _};

use crate::cli::Cli;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/.env.example");
/// Set to write the file instead of comparing it.
const RENEW: &str = "RENEW_ENV_EXAMPLE";
const HEAD: &str = "\
# Every setting of `ticketctl serve` by environment variable, with its default. Each has a flag, too: see
# `ticketctl serve --help`. What is commented out has no default; DATABASE_URL and JWT_SECRET have to be given.
# Use it with: set -a; . ./.env; set +a; ticketctl serve
";

/// The file as it has to be.
fn expected() -> String {
    let mut command = Cli::command();
    command.build();
    let serve = command.find_subcommand("serve").unwrap();
    let mut text = HEAD.to_owned();
    let mut section = String::new();
    for arg in serve.get_arguments() {
        let Some(name) = arg.get_env() else { continue };
        let heading = arg.get_help_heading().unwrap_or("Options").to_owned();
        if heading != section {
            writeln!(text, "\n## {heading}").unwrap();
            section = heading;
        }
        let defaults: Vec<&str> =
            arg.get_default_values().iter().map(|value| value.to_str().unwrap()).collect();
        let help = arg.get_help().unwrap().to_string().replace('\n', " ");
        let is_given = !defaults.is_empty() || arg.is_required_set();
        write!(
            text,
            "\n# {help}{}\n{}{}={}\n",
            choices(arg),
            if is_given { "" } else { "# " },
            name.to_str().unwrap(),
            defaults.join(",")
        )
        .unwrap();
    }
    text
}

/// The words that are allowed, where they are few.
fn choices(arg: &Arg) -> String {
    let values = arg.get_possible_values();
    let names: Vec<&str> = values.iter().map(clap::builder::PossibleValue::get_name).collect();
    if names.is_empty() { String::new() } else { format!(". One of: {}", names.join(", ")) }
}

#[test]
fn the_example_lists_every_setting_with_its_default() {
    let expected = expected();
    if std::env::var_os(RENEW).is_some() {
        fs::write(FILE, &expected).unwrap();
    }
    let text = fs::read_to_string(FILE).unwrap();
    assert!(expected.contains("\nRATE_LIMIT=100\n") && expected.contains("\nJWT_SECRET=\n"));
    assert!(
        text == expected,
        "run {RENEW}=1 cargo test the_example_lists, then look at .env.example"
    );
}

#[test]
fn every_setting_has_a_flag_and_an_environment_variable() {
    let mut command = Cli::command();
    command.build();
    let serve = command.find_subcommand("serve").unwrap();
    for arg in
        serve.get_arguments().filter(|arg| !matches!(arg.get_id().as_str(), "help" | "version"))
    {
        assert!(arg.get_long().is_some(), "{} has no flag", arg.get_id());
        assert!(arg.get_env().is_some(), "{} has no environment variable", arg.get_id());
    }
}
