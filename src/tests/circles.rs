//! No two files name each other, directly or round a corner: each can be read, and changed, knowing only what is below it.
//!
//! What counts as naming, and why:
//!
//! - An item counts for the file that defines it, wherever it was handed on (`pub use`): a name that passes through a
//!   `mod.rs` ties nobody to that `mod.rs`.
//! - A folder's `mod.rs` does not name its own files by declaring them, by handing their items on, or by listing them in a
//!   `const` or `static`. That is its table of contents, and the seam of every folder with a trait and a table: the files
//!   name the trait, and nothing that runs in `mod.rs` names a file.
//! - Code of a `mod.rs` that calls its files counts like any other. So what such files share, a type too, stands in a file
//!   of its own below them: if it stood in `mod.rs`, none could be read without the code that drives them all.
//! - What is compiled for tests only may name whatever it tests.

use std::collections::{BTreeMap, BTreeSet};

use super::sources::{Names, Sources, Tests};

/// Where files may name each other after all: whatever begins with the first may name whatever begins with the second.
const EXCEPTIONS: &[(&str, &str, &str)] =
    &[("cli/completions.rs", "cli/mod.rs", "what a shell completes is the whole command line")];

/// The harness's ground floor: what everything in it may name, and what names nothing above it.
const GROUND_FLOOR: &[&str] = &["harness/plan/", "harness/summary/", "harness/random.rs"];

fn is_excepted(from: &str, to: &str) -> bool {
    EXCEPTIONS.iter().any(|(one, other, _)| from.starts_with(one) && to.starts_with(other))
}

/// Every circle as a text: its files, and what ties each to the next.
fn circles(edges: &Names) -> Vec<String> {
    let mut next: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (from, to) in edges.keys() {
        next.entry(from).or_default().insert(to);
    }
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        next.keys().map(|file| (*file, reachable(&next, file))).collect();
    let mut told = BTreeSet::new();
    let mut circles = Vec::new();
    for (file, below) in &reached {
        if !below.contains(file) || told.contains(file) {
            continue;
        }
        let is_in = |other: &str| {
            below.contains(other) && reached.get(other).is_some_and(|back| back.contains(file))
        };
        let ties = edges.iter().filter(|((from, to), _)| is_in(from) && is_in(to));
        let ties = ties.map(|((from, to), names)| format!("  {from} names {to}: {names:?}"));
        circles.push(format!("a circle:\n{}", ties.collect::<Vec<_>>().join("\n")));
        told.extend(below.iter().copied().filter(|other| is_in(other)));
    }
    circles
}

fn reachable<'a>(next: &BTreeMap<&'a str, BTreeSet<&'a str>>, from: &str) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::new();
    let mut to_visit: Vec<&str> = next.get(from).into_iter().flatten().copied().collect();
    while let Some(file) = to_visit.pop() {
        if seen.insert(file) {
            to_visit.extend(next.get(file).into_iter().flatten().copied());
        }
    }
    seen
}

#[test]
fn no_two_files_name_each_other() {
    let mut edges = Sources::of_this_crate(Tests::LeftOut).edges();
    assert!(edges.len() > 500, "the reader of the source finds only {} edges", edges.len());
    edges.retain(|(from, to), _| !is_excepted(from, to));
    let circles = circles(&edges);
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

#[test]
fn every_exception_is_one() {
    let edges = Sources::of_this_crate(Tests::LeftOut).edges();
    for &(from, to, why) in EXCEPTIONS {
        let mut edges = edges.clone();
        edges.retain(|(one, other), _| {
            (one.starts_with(from) && other.starts_with(to)) || !is_excepted(one, other)
        });
        assert!(!circles(&edges).is_empty(), "{from} and {to} ({why}) make no circle any more");
    }
}

#[test]
fn the_harness_ground_floor_names_nothing_above_it() {
    let is_ground = |file: &str| GROUND_FLOOR.iter().any(|ground| file.starts_with(ground));
    let edges = Sources::of_this_crate(Tests::LeftOut).edges();
    let upward = edges.iter().filter(|((from, to), _)| {
        is_ground(from) && to.starts_with("harness/") && !is_ground(to) && !is_excepted(from, to)
    });
    let upward: Vec<String> =
        upward.map(|((from, to), names)| format!("{from} names {to}: {names:?}")).collect();
    assert!(upward.is_empty(), "{}", upward.join("\n"));
}

/// The circles in a crate of these files.
fn circles_of(files: &[(&str, &str)]) -> Vec<String> {
    let files = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    circles(&Sources::new(files, Tests::LeftOut).edges())
}

#[test]
fn a_circle_is_found_however_its_files_name_each_other() {
    let ways = [
        "use super::b::B;",
        "use super::{b::{self, B as Other}};",
        "use crate::part::b; fn f() { b::helper(); }",
        "fn f() -> crate::part::b::B { loop {} }",
        "use super::B;",
        "fn f() { super::b::helper() }",
        "mod inner { use super::super::b::B; }",
    ];
    for way in ways {
        let one = format!("{way}\npub struct A;");
        let found = circles_of(&[
            ("main.rs", "mod part;"),
            ("part/mod.rs", "mod a; mod b;\npub use b::B;"),
            ("part/a.rs", &one),
            ("part/b.rs", "use super::a::A;\npub struct B(A);\npub fn helper() {}"),
        ]);
        assert_eq!(found.len(), 1, "{way}: {found:?}");
    }
}

#[test]
fn a_circle_is_found_round_a_corner_and_over_a_folder_that_runs_code() {
    let round = [
        ("main.rs", "mod a; mod b; mod c;"),
        ("a.rs", "use crate::b::B; pub struct A(B);"),
        ("b.rs", "use crate::c::C; pub struct B(C);"),
        ("c.rs", "pub struct C; impl C { fn f() { crate::a::A::new() } }"),
    ];
    assert_eq!(circles_of(&round).len(), 1);
    let driven = [
        ("main.rs", "mod part;"),
        ("part/mod.rs", "mod a;\npub struct Shared;\npub fn run() { a::step() }"),
        ("part/a.rs", "use super::Shared;\npub fn step() {}"),
    ];
    assert_eq!(circles_of(&driven).len(), 1);
}

#[test]
fn tables_of_contents_comments_and_tests_tie_nobody() {
    let files = [
        ("main.rs", "mod part;"),
        (
            "part/mod.rs",
            "mod a; #[cfg(test)] mod samples;\nuse a::A;\npub use a::step;
            pub trait Part { fn f(&self); }\npub const PARTS: &[&dyn Part] = &[&A, &a::A];",
        ),
        (
            "part/a.rs",
            "// crate::part::b::B\nuse super::Part;\npub struct A;\npub fn step() -> &'static str { \"crate::part::b::B\" }
            #[cfg(test)]\nmod tests { use super::super::b::B; }",
        ),
        ("part/b.rs", "use super::step;\npub struct B;"),
        ("part/samples.rs", "use super::b::B;"),
    ];
    assert_eq!(circles_of(&files), [""; 0]);
}
