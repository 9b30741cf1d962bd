//! Every command's help has examples that can be copied as they stand.

use std::path::Path;

use clap::{Command, CommandFactory as _};

use crate::cli::{Cli, HELP_WIDTH};

/// A command with its words, and those under it; hidden ones are for the program itself.
fn commands(command: &Command, words: &str) -> Vec<(String, Command)> {
    let mut all = vec![(words.to_owned(), command.clone())];
    let visible = command.get_subcommands().filter(|sub| !sub.is_hide_set());
    for sub in visible.filter(|sub| sub.get_name() != "help") {
        all.extend(commands(sub, &format!("{words} {}", sub.get_name())));
    }
    all
}

fn all() -> Vec<(String, Command)> {
    let mut root = Cli::command();
    root.build();
    commands(&root, "ticketctl")
}

/// What stands below the options.
fn below(command: &Command) -> String {
    let below = command.get_after_long_help().or(command.get_after_help());
    below.map(ToString::to_string).unwrap_or_default()
}

#[test]
fn every_command_has_examples_that_name_it() {
    let all = all();
    assert!(all.len() > 20, "{} commands", all.len());
    for (words, command) in all {
        let text = below(&command);
        assert!(text.contains("Example"), "{words} has none");
        assert!(text.contains(&words), "{words} is in none of its examples");
    }
}

#[test]
fn no_line_below_the_options_is_wrapped() {
    let mut wrapped = Vec::new();
    for (words, mut command) in all() {
        let help = command.render_long_help().to_string();
        for line in below(&command).lines() {
            let is_whole = help.lines().any(|shown| shown == line.trim_end());
            if line.chars().count() > HELP_WIDTH || !is_whole {
                wrapped.push(format!("{words}: {line}"));
            }
        }
    }
    assert!(wrapped.is_empty(), "longer than {HELP_WIDTH} columns:\n{}", wrapped.join("\n"));
}

#[test]
fn every_file_of_an_example_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (words, command) in all() {
        let text = below(&command);
        let files = text.split_whitespace().filter(|word| {
            ["scenarios/", "fixtures/"].iter().any(|folder| word.starts_with(folder))
        });
        for file in files.filter(|file| !file.contains('*')) {
            assert!(root.join(file).exists(), "{words} names {file}");
        }
    }
}

#[test]
fn the_top_says_every_exit_code() {
    let help = Cli::command().render_long_help().to_string();
    for code in ["0", "1", "2", "3", "4", "99"] {
        let says = |line: &str| line.trim_start().split(' ').next() == Some(code);
        assert!(help.lines().any(says), "{code} is missing");
    }
}
