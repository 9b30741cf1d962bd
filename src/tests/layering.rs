//! Who may name whom. The table is the architecture: an edge that is not in it fails here.

use std::fs;
use std::path::PathBuf;

use super::sources::{Sources, Tests, rust_files};

/// Each part, and the parts it may name. `cli` and `tests` may name everything; everybody may name the clock, the
/// source of randomness and what is counted.
pub const MAY_NAME: &[(&str, &[&str])] = &[
    ("clock", &[]),
    ("entropy", &[]),
    ("metrics", &[]),
    ("wire", &[]),
    ("domain", &[]),
    ("storage", &["domain"]),
    ("locks", &["domain"]),
    // The simulator's bodies are the stack's, too.
    ("payments", &["domain", "wire"]),
    ("accounts", &["domain", "storage", "wire"]),
    ("booking", &["domain", "storage", "locks", "payments"]),
    ("api", &["domain", "accounts", "booking", "storage", "locks", "wire"]),
    ("pgwire", &[]),
    ("sabotage", &["domain", "wire", "storage", "locks", "payments", "booking", "pgwire"]),
    ("toxiproxy", &[]),
    ("stack", &["toxiproxy", "storage::migrations", "wire"]),
    ("harness", &["domain", "wire", "stack", "toxiproxy", "storage::audit"]),
    (
        "interleave",
        &["wire", "stack", "pgwire", "harness", "storage::audit", "storage::interleaving"],
    ),
];
const FOR_ALL: &[&str] = &["clock", "entropy", "metrics"];

fn source() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))
}

/// The first folder, or file, on a file's way.
fn part_of(file: &str) -> &str {
    let first = file.split('/').next().unwrap_or(file);
    first.trim_end_matches(".rs")
}

fn is_within(path: &str, allowed: &str) -> bool {
    path == allowed || path.strip_prefix(allowed).is_some_and(|rest| rest.starts_with("::"))
}

#[test]
fn no_part_names_another_that_it_may_not() {
    let mut wrong = Vec::new();
    let sources = Sources::of_this_crate(Tests::Read);
    for file in sources.file_names() {
        let part = part_of(file);
        // A part's own tests may name whatever they need to test it with.
        if file.ends_with("tests.rs") || matches!(part, "cli" | "tests" | "main") {
            continue;
        }
        let Some((_, allowed)) = MAY_NAME.iter().find(|(name, _)| *name == part) else {
            wrong.push(format!("{part} is not in the table"));
            continue;
        };
        for path in sources.named(file) {
            let fine = is_within(&path, part)
                || allowed.iter().chain(FOR_ALL).any(|allowed| is_within(&path, allowed))
                // A module's own tests may read what they share with others.
                || path.starts_with("tests::");
            if !fine {
                wrong.push(format!("{file} names crate::{path}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_neighbour_is_named_by_super() {
    let long = Sources::of_this_crate(Tests::LeftOut).long_ways();
    assert!(
        long.is_empty(),
        "a name from the same folder begins with super::\n{}",
        long.join("\n")
    );
    let file = ("part/a.rs".to_owned(), "use crate::part::b::B;\nuse crate::other::C;".to_owned());
    let found = Sources::new([file], Tests::LeftOut).long_ways();
    assert_eq!(found, ["part/a.rs names crate::part::b::B"]);
}

#[test]
fn every_part_of_the_table_exists() {
    for (part, _) in MAY_NAME {
        let exists = source().join(part).join("mod.rs").exists()
            || source().join(format!("{part}.rs")).exists();
        assert!(exists, "{part} is in the table and not in src");
    }
}

#[test]
fn the_domain_serialises_nothing_and_asks_nobody() {
    for file in rust_files(&source().join("domain")) {
        let text = fs::read_to_string(&file).unwrap();
        for foreign in ["serde", "sqlx", "tokio", "Instant", "SystemTime"] {
            assert!(!text.contains(foreign), "{} names {foreign}", file.display());
        }
    }
}

#[test]
fn every_file_opens_by_saying_what_it_is_for() {
    for file in rust_files(&source()) {
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("//! "), "{} does not", file.display());
    }
}
