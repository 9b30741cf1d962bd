//! What README.md and docs/ say holds: links lead somewhere, paths exist, commands parse, scenarios are valid.

/// Links, headings and code blocks.
mod markdown;
/// The commands of a line.
mod shell;

use std::fs;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{Command, CommandFactory as _};

use crate::booking::strategies;
use crate::cli::Cli;
use crate::harness::scenario::{self, Form, Known, Overrides};

use markdown::{Block, anchors, blocks, code_spans, links};
use shell::commands;

/// Where a path in prose begins if it is one of this repository.
const FOLDERS: &[&str] =
    &["docs/", "fixtures/", "migrations/", "scenarios/", "script/", "src/", "tests/", "ui/"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every document with its text.
fn documents() -> Vec<(PathBuf, String)> {
    let docs = fs::read_dir(root().join("docs")).into_iter().flatten();
    let mut paths: Vec<PathBuf> = docs.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    paths.push(root().join("README.md"));
    paths.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

/// What is wrong with each document, by what `find` finds in it.
fn problems(find: impl Fn(&Path, &str) -> Vec<String>) -> String {
    let all = documents().into_iter().flat_map(|(path, text)| {
        let name = path.strip_prefix(root()).unwrap().display().to_string();
        find(&path, &text).into_iter().map(move |problem| format!("{name}: {problem}"))
    });
    all.collect::<Vec<_>>().join("\n")
}

/// Links of a document that lead nowhere. What is on other hosts is not looked up.
fn dead_links(document: &Path, text: &str) -> Vec<String> {
    let is_dead = |link: &String| {
        if link.contains("://") || link.starts_with("mailto:") {
            return false;
        }
        let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
        let target = document.parent().unwrap().join(path);
        let target = if path.is_empty() { document.to_owned() } else { target };
        let is_document = target.extension().is_some_and(|extension| extension == "md");
        if !target.exists() || anchor.is_empty() || !is_document {
            return !target.exists();
        }
        let text =
            if path.is_empty() { text.to_owned() } else { fs::read_to_string(target).unwrap() };
        !anchors(&text).contains(anchor)
    };
    let dead = links(text).into_iter().filter(is_dead);
    dead.map(|link| format!("the link {link} leads nowhere")).collect()
}

/// Paths in code spans that do not exist. One with a word in capitals stands for a file that somebody is to make.
fn missing_paths(text: &str) -> Vec<String> {
    let is_placeholder = |path: &str| {
        let mut words = path.split(|letter: char| !letter.is_alphanumeric());
        let is_capitals = |word: &str| word.len() > 1 && word == word.to_uppercase();
        path.contains('*') || words.any(|word| is_capitals(word) && word.parse::<u32>().is_err())
    };
    let is_path = |word: &&str| FOLDERS.iter().any(|folder| word.starts_with(folder));
    let spans = code_spans(text);
    let words = spans.iter().flat_map(|span| span.split_whitespace()).filter(is_path);
    let missing = words.filter(|path| !is_placeholder(path) && !root().join(path).exists());
    missing.map(|path| format!("there is no {path}")).collect()
}

/// The commands that a reader is to type.
fn typed(block: &Block) -> Vec<String> {
    let text = block.text.replace("\\\n", " ");
    let lines = text.lines().map(str::trim);
    let typed = lines.filter_map(|line| match block.language.as_str() {
        "console" => line.strip_prefix("$ "),
        "sh" | "bash" => Some(line),
        "yaml" => line.strip_prefix("- run: ").or(line.strip_prefix("run: ")),
        _ => None,
    });
    typed.map(str::to_owned).collect()
}

/// Commands of a document that are none of this program's, or name a script that is not there.
fn wrong_commands(text: &str) -> Vec<String> {
    let lines = blocks(text).into_iter().flat_map(|block| typed(&block));
    let wrong = lines.flat_map(|line| {
        let found = commands(&line).into_iter().filter_map(|words| why_wrong(&words));
        found.map(|why| format!("`{line}`: {why}")).collect::<Vec<_>>()
    });
    wrong.collect()
}

fn why_wrong(words: &[String]) -> Option<String> {
    let missing = words.iter().find(|word| {
        let is_input = ["script/", "scenarios/", "fixtures/"].iter().any(|f| word.starts_with(f));
        is_input && !word.contains('*') && !root().join(word).exists()
    });
    if let Some(missing) = missing {
        return Some(format!("there is no {missing}"));
    }
    words.first().filter(|program| *program == "ticketctl")?;
    let error = without_required_variables(Cli::command()).try_get_matches_from(words).err()?;
    let is_asked_for = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    (!is_asked_for).then(|| error.to_string())
}

/// The command line as it is for somebody who has set every variable.
fn without_required_variables(command: Command) -> Command {
    command
        .mut_args(|arg| if arg.get_env().is_some() { arg.required(false) } else { arg })
        .mut_subcommands(without_required_variables)
}

/// Scenarios of a document that would be refused.
fn wrong_scenarios(text: &str) -> Vec<String> {
    let is_scenario =
        |block: &Block| block.language == "toml" && block.text.contains("schema_version");
    let refused = blocks(text).into_iter().filter(is_scenario).filter_map(|block| {
        let file = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
        fs::write(file.path(), &block.text).unwrap();
        let known = Known { strategies: &strategies::names() };
        let overrides = Overrides { form: Form::Full, ..Overrides::default() };
        scenario::load(file.path(), &known, &overrides).err()
    });
    refused.map(|error| error.to_string()).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let problems = problems(dead_links);
    assert!(problems.is_empty(), "{problems}");
}

#[test]
fn every_path_exists() {
    let problems = problems(|_, text| missing_paths(text));
    assert!(problems.is_empty(), "{problems}");
}

#[test]
fn every_command_can_be_typed() {
    let problems = problems(|_, text| wrong_commands(text));
    assert!(problems.is_empty(), "{problems}");
}

#[test]
fn every_scenario_is_valid() {
    let problems = problems(|_, text| wrong_scenarios(text));
    assert!(problems.is_empty(), "{problems}");
}

#[test]
fn a_dead_link_is_found() {
    let readme = root().join("README.md");
    let text = "# Here it is\n[a](Cargo.toml) [b](src/) [c](#here-it-is) [d](https://example.org/x)\n\
        [e](nowhere.md) [f](#there) [g](README.md#nothing-of-this-name)\n\n[h]: nowhere.toml\n`[i](code.md)`\n";
    let dead = dead_links(&readme, text);
    let links = ["nowhere.md", "#there", "README.md#nothing-of-this-name", "nowhere.toml"];
    assert_eq!(dead, links.map(|link| format!("the link {link} leads nowhere")));
}

#[test]
fn a_missing_path_is_found() {
    let text = "`src/main.rs`, `src/nobody.rs`, `src/payments/NAME.rs`, `scenarios/*.toml`, `serve --port`";
    assert_eq!(missing_paths(text), ["there is no src/nobody.rs"]);
}

#[test]
fn a_wrong_command_is_found() {
    let right = "```console\n$ eval \"$(ticketctl stack up)\"  # --wrong\n$ X=1 ticketctl serve --name a | tee --wrong\n\
        no: ticketctl --wrong\n$ ticketctl chaos run scenarios/*.toml \\\n    --quick\n```\n```text\n$ ticketctl --wrong\n```\n";
    assert_eq!(wrong_commands(right), [""; 0]);
    for line in [
        "$ ticketctl serv",
        "$ ticketctl serve --prt 1",
        "$ true && ticketctl chaos run --quick",
        "$ eval \"$(ticketctl stack --up)\"",
        "$ ticketctl seed fixtures/nothing.toml",
        "$ script/nothing",
    ] {
        assert_eq!(wrong_commands(&format!("```console\n{line}\n```\n")).len(), 1, "{line}");
    }
    assert_eq!(wrong_commands("```yaml\n- run: ticketctl chaos rum x\n```\n").len(), 1);
}

#[test]
fn a_wrong_scenario_is_found() {
    let right = fs::read_to_string(root().join("scenarios/flash-sale.toml")).unwrap();
    assert_eq!(wrong_scenarios(&format!("```toml\n{right}```\n")), [""; 0]);
    let wrong = right.replace("executor", "exekutor");
    assert_eq!(wrong_scenarios(&format!("```toml\n{wrong}```\n")).len(), 1);
    assert_eq!(wrong_scenarios("```toml\n[payments]\ndecline = 0.1\n```\n"), [""; 0]);
}
