//! Every query is the one that was described: `.sqlx/` agrees with the schema and has nothing left over.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sqlx::{Column as _, Executor as _, SqlSafeStr as _, TypeInfo as _};

use super::app::{Setup, TestApp};

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
