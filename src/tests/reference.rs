//! The reference parts of `docs/` are what the program's own tables say. They stand between markers, and are written anew
//! on request.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use humantime::format_duration;

use super::layering::MAY_NAME;
use super::scenario_keys::{keys_of_executors, keys_of_workloads};
use crate::booking::jobs::{JOBS, WorksOn};
use crate::cli::chaos::{coverage, list};
use crate::metrics::METRICS;
use crate::sabotage;
use crate::toxiproxy::describe_toxics;

/// Set to write the parts instead of comparing them.
const RENEW: &str = "RENEW_DOCS";
const END: &str = "<!-- end of generated -->";

/// A part of a document.
struct Part {
    document: &'static str,
    name: &'static str,
    text: fn() -> String,
}

const fn part(document: &'static str, name: &'static str, text: fn() -> String) -> Part {
    Part { document, name, text }
}

/// Every part.
const PARTS: &[Part] = &[
    part("architecture.md", "parts", parts),
    part("fault-proxy.md", "toxics", toxics),
    part("operations.md", "jobs", jobs),
    part("operations.md", "server-metrics", server_metrics),
    part("race-conditions.md", "bugs", bugs),
    part("scenarios.md", "strategies", || names("strategies")),
    part("scenarios.md", "targets", || names("targets")),
    part("scenarios.md", "executors", || takers("executors", &keys_of_executors())),
    part("scenarios.md", "workloads", || takers("workloads", &keys_of_workloads())),
    part("scenarios.md", "faults", || names("faults")),
    part("scenarios.md", "checkers", || names("checkers")),
    part("scenarios.md", "coverage", coverage),
    part("scenarios.md", "metrics", || names("metrics")),
    part("scenarios.md", "reports", || names("reports")),
];

/// The parts of the program, with an arrow from each to those that it may name.
fn parts() -> String {
    let mut text = "```mermaid\nflowchart TD\n".to_owned();
    for (part, named) in MAY_NAME {
        for named in *named {
            let arrow = named.split_once("::").map_or_else(
                || format!("--> {named}"),
                |(whole, only)| format!("-->|{only} only| {whole}"),
            );
            writeln!(text, "    {part} {arrow}").unwrap();
        }
    }
    text + "```\n"
}

fn coverage() -> String {
    let mut text = format!("{}.\n\n", coverage::legend());
    for (index, row) in coverage::rows().iter().enumerate() {
        writeln!(text, "| {} |", row.join(" | ")).unwrap();
        if index == 0 {
            writeln!(text, "|---|{}", "--:|".repeat(row.len() - 1)).unwrap();
        }
    }
    text
}

fn toxics() -> String {
    format!("```text\n{}\n```\n", describe_toxics())
}

fn jobs() -> String {
    let mut text = "| job and command | every | setting | does |\n|---|---|---|---|\n".to_owned();
    for job in JOBS {
        let period = job.period();
        let command = match job.works_on() {
            WorksOn::Process => "no command",
            WorksOn::Database | WorksOn::Payments => "",
        };
        let variable = period.flag.to_uppercase().replace('-', "_");
        let name = [&format!("`{}`", job.name()), command].join(" ");
        writeln!(
            text,
            "| {} | {} | `{variable}` | {} |",
            name.trim(),
            format_duration(period.default),
            job.summary()
        )
        .unwrap();
    }
    text
}

/// Every bug that the self-test has.
fn bugs() -> String {
    let mut text =
        "| class | bug | how it comes about | caught in |\n|---|---|---|---|\n".to_owned();
    for (class, bug) in sabotage::all() {
        let scenario = bug.strategy.map_or_else(
            || format!("`{}`", bug.scenario),
            |strategy| format!("`{}` with `{strategy}`", bug.scenario),
        );
        writeln!(text, "| {} | `{}` | {} | {scenario} |", class.name, bug.name, cell(bug.origin))
            .unwrap();
    }
    text
}

fn server_metrics() -> String {
    let mut text = "| metric | means |\n|---|---|\n".to_owned();
    for metric in METRICS {
        writeln!(text, "| `{}` | {} |", metric.name, cell(metric.help)).unwrap();
    }
    text
}

/// A group of names as `chaos list` has it.
fn names(group: &str) -> String {
    let groups = list::groups();
    let (_, rows) = groups.iter().find(|(title, _)| *title == group).unwrap();
    let has_details = rows.iter().any(|[_, details, _]| !details.is_empty());
    let mut text = if has_details {
        "| name | takes | does |\n|---|---|---|\n".to_owned()
    } else {
        "| name | does |\n|---|---|\n".to_owned()
    };
    for [name, details, summary] in rows {
        let details = if has_details { format!(" {} |", cell(details)) } else { String::new() };
        writeln!(text, "| `{name}` |{details} {} |", cell(summary)).unwrap();
    }
    text
}

/// A group of names as `chaos list` has it, with the keys that each takes.
fn takers(group: &str, keys: &BTreeMap<String, Vec<String>>) -> String {
    let groups = list::groups();
    let (_, rows) = groups.iter().find(|(title, _)| *title == group).unwrap();
    let mut text = "| name | takes | does |\n|---|---|---|\n".to_owned();
    for [name, _, summary] in rows {
        let keys: Vec<String> = keys[name].iter().map(|key| format!("`{key}`")).collect();
        writeln!(text, "| `{name}` | {} | {} |", keys.join(", "), cell(summary)).unwrap();
    }
    text
}

/// Text as a cell of a table takes it.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;").replace('\n', "<br>")
}

fn path(document: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs").join(document)
}

/// The document with its part as it has to be.
fn with_part(document: &str, name: &str, part: &str) -> String {
    let begin = format!("<!-- generated: {name} -->\n");
    let (before, rest) = document.split_once(&begin).expect(name);
    let (_, after) = rest.split_once(END).expect(name);
    format!("{before}{begin}{part}{END}{after}")
}

#[test]
fn what_documents_list_is_what_the_tables_say() {
    for Part { document, name, text } in PARTS {
        let path = path(document);
        let present = fs::read_to_string(&path).unwrap();
        let expected = with_part(&present, name, &text());
        if std::env::var_os(RENEW).is_some() {
            if present != expected {
                fs::write(&path, &expected).unwrap();
            }
            continue;
        }
        assert!(
            present == expected,
            "run {RENEW}=1 cargo test what_documents_list, then look at the part {name} of docs/{document}"
        );
    }
    assert_eq!(marked_parts(), PARTS.len(), "a part that nothing makes, or one that stands twice");
}

/// Parts in all documents that say they are generated.
fn marked_parts() -> usize {
    let documents = fs::read_dir(path("")).unwrap().map(|entry| entry.unwrap().path());
    documents
        .map(|path| fs::read_to_string(path).unwrap().matches("<!-- generated: ").count())
        .sum()
}

#[test]
fn a_part_is_replaced_and_the_rest_stays() {
    let document = format!("a\n<!-- generated: x -->\nold\n{END}\nb\n");
    let renewed = with_part(&document, "x", "new\n");
    assert_eq!(renewed, format!("a\n<!-- generated: x -->\nnew\n{END}\nb\n"));
}

#[test]
fn every_dependency_is_explained_and_no_other() {
    let manifest: toml::Table = toml::from_str(include_str!("../../Cargo.toml")).unwrap();
    let declared: BTreeSet<&str> =
        manifest["dependencies"].as_table().unwrap().keys().map(String::as_str).collect();
    let document = fs::read_to_string(path("contributing.md")).unwrap();
    let (_, list) = document.split_once("\n## Dependencies\n").unwrap();
    let name = |line: &str| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned());
    let explained: BTreeSet<String> = list.lines().filter_map(name).collect();
    assert_eq!(explained.iter().map(String::as_str).collect::<BTreeSet<_>>(), declared);
}

/// What documents say is in a file, as "`sell` in `src/storage/bookings.rs`", and is not.
fn missing_names(text: &str) -> Vec<String> {
    let text = text.replace('\n', " ");
    let spans: Vec<&str> = text.split('`').collect();
    let pairs = spans.windows(3).skip(1).step_by(2).filter(|window| window[1].trim() == "in");
    let missing = pairs.filter(|window| {
        let [name, _, file] = window else { return false };
        let is_source = file.starts_with("src/") && !file.ends_with('/');
        is_source && !source(file).is_some_and(|source| source.contains(*name))
    });
    missing.map(|window| format!("there is no {} in {}", window[0], window[2])).collect()
}

fn source(file: &str) -> Option<String> {
    fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(file)).ok()
}

#[test]
fn every_name_is_in_the_file_that_it_is_said_to_be_in() {
    for entry in fs::read_dir(path("")).unwrap() {
        let entry = entry.unwrap().path();
        let missing = missing_names(&fs::read_to_string(&entry).unwrap());
        assert!(missing.is_empty(), "{}: {missing:?}", entry.display());
    }
}

#[test]
fn a_name_that_is_not_in_its_file_is_found() {
    let text =
        "`main` in `src/main.rs`, `a` and\n`nothing_of_this_name` in\n`src/main.rs` and `x` in `x`";
    assert_eq!(missing_names(text), ["there is no nothing_of_this_name in src/main.rs"]);
}
