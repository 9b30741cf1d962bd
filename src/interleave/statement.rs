//! What an SQL statement touches, read from its text: its name in a diagram, and what decides whether two steps may be
//! swapped without anybody noticing. Knows no statement of ours.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{
    FromTable, ObjectName, Query, SetExpr, Statement, TableFactor, TableObject, TableWithJoins,
    visit_relations,
};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

/// Longest list of tables in a name.
const NAMED_MAX: usize = 3;

/// What a statement does to tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Touch {
    /// It begins a transaction.
    Begin,
    /// It ends one.
    Commit,
    /// It takes one back.
    RollBack,
    /// It reads and writes.
    Tables(Tables),
    /// Nobody can read its text, so it may touch anything.
    Unknown,
}

/// The tables that a statement touches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tables {
    /// Read, of what was committed.
    pub read: BTreeSet<String>,
    /// Locked by row (`for update`), in the order of the text.
    pub locked: Vec<String>,
    /// Written, with the verb, in the order of the text.
    pub written: Vec<(&'static str, String)>,
    /// It takes a lock by a name (`pg_advisory_xact_lock`, or our function over it).
    pub takes_turn: bool,
}

/// What the statement touches.
pub fn touch(sql: &str) -> Touch {
    match sql.split_whitespace().next().map(str::to_ascii_lowercase).as_deref() {
        Some("begin" | "start") => return Touch::Begin,
        Some("commit" | "end") => return Touch::Commit,
        Some("rollback") => return Touch::RollBack,
        _ => {}
    }
    let Ok(statements) = Parser::parse_sql(&PostgreSqlDialect {}, sql) else {
        return Touch::Unknown;
    };
    let mut tables = Tables::default();
    let mut names = BTreeSet::new();
    for statement in &statements {
        of_statement(statement, &mut tables, &mut names);
        let all = visit_relations(statement, |relation| {
            tables.read.insert(name_of(relation));
            ControlFlow::<()>::Continue(())
        });
        debug_assert!(all.is_continue(), "nothing breaks off");
    }
    tables.read.retain(|table| !names.contains(table) && !is_function(table));
    tables.locked.retain(|table| !names.contains(table));
    tables.takes_turn = sql.contains("take_turn(") || sql.contains("advisory");
    Touch::Tables(tables)
}

/// Functions in `from` are relations to the parser.
fn is_function(relation: &str) -> bool {
    relation == "unnest" || relation.starts_with("pg_") || relation == "generate_series"
}

fn of_statement(statement: &Statement, tables: &mut Tables, names: &mut BTreeSet<String>) {
    match statement {
        Statement::Query(query) => of_query(query, tables, names),
        Statement::Insert(insert) => {
            if let TableObject::TableName(table) = &insert.table {
                tables.written.push(("insert", name_of(table)));
            }
            if let Some(source) = &insert.source {
                of_query(source, tables, names);
            }
        }
        Statement::Update(update) => {
            tables.written.extend(table_of(&update.table).map(|table| ("update", table)));
        }
        Statement::Delete(delete) => {
            let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
            tables.written.extend(from.iter().filter_map(table_of).map(|table| ("delete", table)));
        }
        _ => {}
    }
}

fn of_query(query: &Query, tables: &mut Tables, names: &mut BTreeSet<String>) {
    for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
        names.insert(cte.alias.name.value.clone());
        of_query(&cte.query, tables, names);
    }
    of_body(&query.body, tables, names);
    for lock in &query.locks {
        match (&lock.of, query.body.as_ref()) {
            (Some(table), _) => tables.locked.push(name_of(table)),
            (None, SetExpr::Select(select)) => {
                tables.locked.extend(select.from.iter().filter_map(table_of));
            }
            (None, _) => {}
        }
    }
}

fn of_body(body: &SetExpr, tables: &mut Tables, names: &mut BTreeSet<String>) {
    match body {
        SetExpr::Query(query) => of_query(query, tables, names),
        SetExpr::SetOperation { left, right, .. } => {
            of_body(left, tables, names);
            of_body(right, tables, names);
        }
        SetExpr::Insert(statement)
        | SetExpr::Update(statement)
        | SetExpr::Delete(statement)
        | SetExpr::Merge(statement) => of_statement(statement, tables, names),
        SetExpr::Select(_) | SetExpr::Values(_) | SetExpr::Table(_) => {}
    }
}

fn table_of(from: &TableWithJoins) -> Option<String> {
    match &from.relation {
        TableFactor::Table { name, .. } => Some(name_of(name)),
        _ => None,
    }
}

fn name_of(name: &ObjectName) -> String {
    name.0.last().map(ToString::to_string).unwrap_or_default()
}

/// The statement in a few words: what it writes, else what it locks, else what it reads.
pub fn name(sql: &str) -> String {
    match touch(sql) {
        Touch::Begin => "begin".to_owned(),
        Touch::Commit => "commit".to_owned(),
        Touch::RollBack => "roll back".to_owned(),
        Touch::Unknown => sql.split_whitespace().take(NAMED_MAX).collect::<Vec<_>>().join(" "),
        Touch::Tables(tables) if !tables.written.is_empty() => written(&tables.written),
        Touch::Tables(tables) if !tables.locked.is_empty() => {
            format!("lock {}", listed(&tables.locked))
        }
        Touch::Tables(tables) if tables.read.is_empty() => "read nothing stored".to_owned(),
        Touch::Tables(tables) => {
            format!("read {}", listed(&tables.read.into_iter().collect::<Vec<_>>()))
        }
    }
}

/// `update payments, reservations, seats …`: verbs in the order of the text, each table once.
fn written(writes: &[(&'static str, String)]) -> String {
    let mut verbs: Vec<(&str, Vec<String>)> = Vec::new();
    for (verb, table) in writes {
        match verbs.iter_mut().find(|(known, _)| known == verb) {
            Some((_, tables)) if tables.contains(table) => {}
            Some((_, tables)) => tables.push(table.clone()),
            None => verbs.push((verb, vec![table.clone()])),
        }
    }
    let parts: Vec<String> =
        verbs.iter().map(|(verb, tables)| format!("{verb} {}", listed(tables))).collect();
    parts.join(", ")
}

fn listed(tables: &[String]) -> String {
    let more = if tables.len() > NAMED_MAX { " …" } else { "" };
    format!("{}{more}", tables[..tables.len().min(NAMED_MAX)].join(", "))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use serde_json::Value;

    use super::*;

    #[test]
    fn every_statement_of_this_program_can_be_read() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(".sqlx");
        for entry in fs::read_dir(folder).unwrap() {
            let query: Value =
                serde_json::from_slice(&fs::read(entry.unwrap().path()).unwrap()).unwrap();
            let sql = query["query"].as_str().unwrap();
            // Whoever signs up meets nobody; the parser takes no expression as what conflicts.
            if sql.contains("on conflict (lower(email))") {
                continue;
            }
            assert_ne!(touch(sql), Touch::Unknown, "{sql}");
        }
    }

    #[test]
    fn what_is_read_locked_and_written_is_told_apart() {
        let Touch::Tables(tables) = touch(
            "with due as (select id from reservations where state = 'held' limit $1 for update skip locked),
             gone as (update reservations set state = 'expired' from due where reservations.id = due.id returning seat_ids)
             update seats set held_until = null from gone where seats.id = any(seat_ids)
               and exists (select from events where id = event_id)",
        ) else {
            panic!("it is no transaction statement")
        };
        let read: Vec<&str> = tables.read.iter().map(String::as_str).collect();
        assert_eq!(read, ["events", "reservations", "seats"]);
        assert_eq!(tables.locked, ["reservations"]);
        assert_eq!(
            tables.written,
            [("update", "reservations".to_owned()), ("update", "seats".to_owned())]
        );
        assert!(!tables.takes_turn);
    }

    #[test]
    fn names_say_what_a_statement_does() {
        assert_eq!(name("BEGIN"), "begin");
        assert_eq!(name("ROLLBACK"), "roll back");
        assert_eq!(name("select id from seats where id = any($1) order by id"), "read seats");
        assert_eq!(name("select id from seats where id = $1 for update"), "lock seats");
        assert_eq!(
            name("with a as (insert into bookings (id) values ($1)) update seats set version = 1"),
            "insert bookings, update seats"
        );
        assert_eq!(name("vacuum everything in sight"), "vacuum everything in");
    }
}
