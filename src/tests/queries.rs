//! Every query is the one that was described: `.sqlx/` agrees with the schema and has nothing left over.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sqlx::{Column as _, Executor as _, SqlSafeStr as _, TypeInfo as _};

use super::app::{Setup, TestApp};
use super::sources::rust_files;

/// How a query looks that nobody checks before it runs.
const UNCHECKED: &[&str] = &[
    "query(",
    "query::<",
    "query_as(",
    "query_as::<",
    "query_scalar(",
    "query_scalar::<",
    "query_with(",
    "raw_sql(",
    "AssertSqlSafe",
    "QueryBuilder",
    ".execute(\"",
    ".fetch_one(\"",
    ".fetch_all(\"",
    ".fetch_optional(\"",
];

/// Where such queries may stand, and why. Tests may have any: they make states that no program would.
const MAY_BE_UNCHECKED: &[(&str, &str)] = &[
    ("stack/postgres.rs", "makes the database itself, before there is a schema to check against"),
    ("storage/interleaving.rs", "works with a clock that only its own databases have"),
    ("storage/seeding.rs", "works with a temporary table that only it has"),
    ("cli/bench/booking.rs", "makes the schema that it measures in"),
];

fn described() -> Vec<Value> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.sqlx"));
    let queries: Vec<Value> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| serde_json::from_slice(&fs::read(entry.unwrap().path()).unwrap()).unwrap())
        .collect();
    assert!(queries.len() > 40, "{} queries", queries.len());
    queries
}

#[tokio::test]
async fn every_described_query_has_its_columns_and_types_on_the_real_schema() {
    let app = TestApp::start(Setup::default()).await;
    let mut connection = app.context.storage.connection().await.unwrap();
    for query in described() {
        let text = query["query"].as_str().unwrap().to_owned();
        let real = (*connection).describe(sqlx::AssertSqlSafe(text.clone()).into_sql_str()).await;
        let real = real.unwrap_or_else(|error| panic!("{error}: {text}, run script/sqlx-prepare"));
        let columns: Vec<(String, String)> = real
            .columns()
            .iter()
            .map(|column| (column.name().to_owned(), column.type_info().name().to_owned()))
            .collect();
        let expected: Vec<(String, String)> = query["describe"]["columns"]
            .as_array()
            .unwrap()
            .iter()
            .map(|column| {
                let type_info = column["type_info"].as_str().unwrap().replace("Array", "[]");
                (column["name"].as_str().unwrap().to_owned(), type_info)
            })
            .collect();
        let same = columns.len() == expected.len()
            && columns
                .iter()
                .zip(&expected)
                .all(|(real, ours)| real.0 == ours.0 && real.1.eq_ignore_ascii_case(&ours.1));
        assert!(same, "{columns:?} is not {expected:?}: {text}, run script/sqlx-prepare");
    }
}

#[test]
fn no_description_is_left_of_a_query_that_is_gone() {
    fn texts(folder: &Path, all: &mut String) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                texts(&path, all);
            } else {
                all.push_str(&fs::read_to_string(path).unwrap());
            }
        }
    }
    let mut source = String::new();
    texts(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut source);
    // A query in an ordinary string escapes its quotes.
    let source = source.replace("\\\"", "\"");
    let squeezed: String = source.split_whitespace().collect::<Vec<_>>().join(" ");
    for query in described() {
        let text =
            query["query"].as_str().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(squeezed.contains(&text), "{text} is nowhere, run script/sqlx-prepare");
    }
}

/// The lines of a file that run a query which was never described.
fn unchecked(text: &str) -> Vec<&str> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.starts_with("//"))
        .filter(|line| UNCHECKED.iter().any(|pattern| has_word(line, pattern)))
        .collect()
}

/// Whether the pattern stands in the line and is not the end of a longer name.
fn has_word(line: &str, pattern: &str) -> bool {
    let is_name = |before: char| before.is_alphanumeric() || before == '_';
    line.match_indices(pattern)
        .any(|(at, _)| pattern.starts_with('.') || !line[..at].ends_with(is_name))
}

#[test]
fn no_query_runs_that_was_not_checked_against_the_schema() {
    let source = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"));
    let mut wrong = Vec::new();
    let mut unused: Vec<&str> = MAY_BE_UNCHECKED.iter().map(|(file, _)| *file).collect();
    for path in rust_files(source) {
        let file = path.strip_prefix(source).unwrap().to_str().unwrap();
        if file.starts_with("tests/") || file.ends_with("/tests.rs") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let found = unchecked(&text);
        if found.is_empty() {
            continue;
        }
        let allowed = unused.len();
        unused.retain(|each| *each != file);
        if unused.len() == allowed {
            wrong.extend(found.iter().map(|line| format!("{file}: {line}")));
        }
    }
    assert!(wrong.is_empty(), "use sqlx's checked macros, in storage:\n{}", wrong.join("\n"));
    assert!(unused.is_empty(), "these have no unchecked query any more: {unused:?}");
}
