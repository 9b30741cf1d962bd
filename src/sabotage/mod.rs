//! Bugs to be put into a server on purpose, so that the harness can be asked whether it finds them. Each is an entry of a
//! table and is put in from outside: the server's own code knows nothing of it. To add one: an entry in the file of its class.

/// Statements, on their way to PostgreSQL.
mod sql;
/// Which statements those are.
mod statements;
/// Requests and answers, around the routes.
mod http;
/// Calls to the payment provider.
mod payments;
/// Leases.
mod leases;
/// A bug, put into a server.
mod planted;
/// Seats promised to two.
mod double_sells;
/// Holds that end at another time than was said.
mod time;
/// One key, several effects; or none.
mod idempotency;
/// Money that doesn't follow the seats.
mod money;
/// Orders carried out in part.
mod orders;
/// Answers that say what isn't so.
mod answers;
/// Who may do what.
mod people;
/// How much one user may have.
mod limits;
/// What servers forget to do by themselves, or overdo.
mod jobs;

use http::Tamper;
use payments::Misuse;
use sql::Rewrite;

pub use planted::{Planted, ServerParts};

/// Bugs of one kind.
#[derive(Debug)]
pub struct Class {
    /// Its name.
    pub name: &'static str,
    /// The bugs.
    pub bugs: &'static [Bug],
}

/// A bug that servers have in the field.
#[derive(Debug)]
pub struct Bug {
    /// As `serve --sabotage` takes it.
    pub name: &'static str,
    /// How such a bug comes about, in one line.
    pub origin: &'static str,
    /// The scenario that has to catch it.
    pub scenario: &'static str,
    /// The strategy that it is a bug of; absent where it is a bug of each.
    pub strategy: Option<&'static str>,
    /// Settings of the server that it shows with.
    pub settings: &'static [(&'static str, &'static str)],
    /// How it is put in.
    ways: &'static [Way],
}

/// A way to put a bug in.
#[derive(Debug)]
enum Way {
    /// A statement of the server's, or a part of one, is another.
    Sql(Rewrite),
    /// One in so many transactions is rolled back where the server commits it.
    RollBackOneIn(u64),
    /// Every connection to PostgreSQL has this setting.
    Session(&'static str, &'static str),
    /// Requests or answers are tampered with.
    Http(&'static dyn Tamper),
    /// The payment provider is misused.
    Payments(Misuse),
    /// Each server has a Redis of its own.
    OwnRedis,
    /// Answers are not kept in Redis.
    NoAnswerCache,
    /// Leases are given up by whoever asked for one, whoever has it.
    ReleaseOfOthers,
}

impl Way {
    /// In the statement that has `within`, `find` is `replace`.
    const fn sql(within: &'static str, find: &'static str, replace: &'static str) -> Self {
        Self::Sql(Rewrite { within, find, replace })
    }
}

impl Bug {
    const fn new(
        name: &'static str,
        origin: &'static str,
        scenario: &'static str,
        ways: &'static [Way],
    ) -> Self {
        Self { name, origin, scenario, strategy: None, settings: &[], ways }
    }

    const fn of_strategy(mut self, strategy: &'static str) -> Self {
        self.strategy = Some(strategy);
        self
    }

    const fn with(mut self, settings: &'static [(&'static str, &'static str)]) -> Self {
        self.settings = settings;
        self
    }
}

/// Every class.
pub const CLASSES: &[&Class] = &[
    &double_sells::CLASS,
    &time::CLASS,
    &idempotency::CLASS,
    &money::CLASS,
    &orders::CLASS,
    &answers::CLASS,
    &people::CLASS,
    &limits::CLASS,
    &jobs::CLASS,
];

/// Every bug, with its class.
pub fn all() -> impl Iterator<Item = (&'static Class, &'static Bug)> {
    CLASSES.iter().flat_map(|class| class.bugs.iter().map(move |bug| (*class, bug)))
}

/// The names, in the table's order.
pub fn names() -> impl Iterator<Item = &'static str> {
    all().map(|(_, bug)| bug.name)
}

/// The bug of this name.
pub fn find(name: &str) -> Option<&'static Bug> {
    all().map(|(_, bug)| bug).find(|bug| bug.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_class_has_at_least_three_bugs_and_no_two_bugs_have_one_name() {
        for class in CLASSES {
            assert!(class.bugs.len() >= 3, "{} has {}", class.name, class.bugs.len());
        }
        let names: BTreeSet<&str> = all().map(|(_, bug)| bug.name).collect();
        assert_eq!(names.len(), all().count());
        assert!(names.len() >= 40, "{}", names.len());
    }

    #[test]
    fn every_bug_says_in_one_line_how_it_comes_about() {
        for (_, bug) in all() {
            let is_name = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
            assert!(bug.name.bytes().all(is_name), "{}", bug.name);
            assert!(!bug.origin.is_empty() && !bug.origin.contains('\n'), "{}", bug.name);
        }
    }
}
