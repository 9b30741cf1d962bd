//! The connections that fault proxies stand in, their names, and which of them a scenario's `proxy` selects. Knows nothing
//! of the proxies themselves.

use std::fmt;

use anyhow::bail;

use crate::harness::plan::Target;

/// A connection from one process to another. Displayed as the proxy's name: `server-1.postgres`, `server-1.redis-2`,
/// `client.server-1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hop {
    /// Between a server and a store.
    Store {
        /// The server's number, from 1.
        server: u32,
        /// What it talks to.
        store: Store,
    },
    /// Between the load and a server.
    Client {
        /// The server's number, from 1.
        server: u32,
    },
}

/// What a server talks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Store {
    /// PostgreSQL.
    Postgres,
    /// A Redis node, numbered from 1.
    Redis(u32),
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store { server, store } => write!(f, "server-{server}.{store}"),
            Self::Client { server } => write!(f, "client.server-{server}"),
        }
    }
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postgres => f.write_str("postgres"),
            Self::Redis(node) => write!(f, "redis-{node}"),
        }
    }
}

impl Hop {
    /// The number of the server that it leads from, or to.
    pub fn server(self) -> u32 {
        match self {
            Self::Store { server, .. } | Self::Client { server } => server,
        }
    }
}

impl Store {
    /// What servers call it when they say what an answer took of it.
    pub fn dependency(self) -> String {
        match self {
            Self::Postgres => "postgresql".to_owned(),
            Self::Redis(_) => self.to_string(),
        }
    }
}

/// Every hop of a run, in report order.
pub fn all(target: &Target) -> Vec<Hop> {
    let Target { instances, redis_nodes, .. } = *target;
    let stores = || std::iter::once(Store::Postgres).chain((1..=redis_nodes).map(Store::Redis));
    let of_server = |server| stores().map(move |store| Hop::Store { server, store });
    (1..=instances)
        .flat_map(of_server)
        .chain((1..=instances).map(|server| Hop::Client { server }))
        .collect()
}

/// The hops that a fault's `proxy` names, at least one.
///
/// `redis` is every server with every node, `redis-2` one node for every server, `server-1.redis` one server cut off from
/// all of Redis, `client` every server's clients.
///
/// # Errors
/// The name selects nothing in this run.
pub fn select(name: &str, target: &Target) -> anyhow::Result<Vec<Hop>> {
    let mut hops = all(target);
    hops.retain(|hop| names_of(*hop).iter().any(|each| each == name));
    if hops.is_empty() {
        bail!("\"{name}\" selects no proxy; valid names: {}", names(target).join(", "));
    }
    Ok(hops)
}

/// Every name that [`select`] finds something for, general ones first.
pub fn names(target: &Target) -> Vec<String> {
    let by_hop: Vec<_> = all(target).into_iter().map(names_of).collect();
    let mut names: Vec<String> = Vec::new();
    for generality in 0..4 {
        for name in by_hop.iter().filter_map(|names| names.get(generality)) {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
    }
    names
}

/// The names that cover one hop, from the most general to its own.
fn names_of(hop: Hop) -> Vec<String> {
    match hop {
        Hop::Store { server, store: Store::Postgres } => {
            vec!["postgres".to_owned(), format!("server-{server}.postgres")]
        }
        Hop::Store { server, store: store @ Store::Redis(_) } => {
            vec![
                "redis".to_owned(),
                store.to_string(),
                format!("server-{server}.redis"),
                hop.to_string(),
            ]
        }
        Hop::Client { .. } => vec!["client".to_owned(), hop.to_string()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::plan::sample;

    fn target() -> Target {
        Target { instances: 2, redis_nodes: 3, ..sample().target }
    }

    fn check(name: &str, expected: &[&str]) {
        let selected: Vec<String> =
            select(name, &target()).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(selected, expected, "selected by {name}");
    }

    #[test]
    fn a_name_selects_every_link_it_covers_and_no_other() {
        check("postgres", &["server-1.postgres", "server-2.postgres"]);
        check("server-2.postgres", &["server-2.postgres"]);
        check("redis-2", &["server-1.redis-2", "server-2.redis-2"]);
        check("server-1.redis", &["server-1.redis-1", "server-1.redis-2", "server-1.redis-3"]);
        check("server-1.redis-3", &["server-1.redis-3"]);
        check("client.server-2", &["client.server-2"]);
        check("client", &["client.server-1", "client.server-2"]);
        assert_eq!(select("redis", &target()).unwrap().len(), 6);
    }

    #[test]
    fn a_name_of_something_that_is_not_there_selects_nothing() {
        for name in
            ["redis-4", "redis-0", "server-3.redis", "client.server-3", "server-1", "Postgres", ""]
        {
            assert!(select(name, &target()).is_err(), "{name}");
        }
    }

    #[test]
    fn every_listed_name_selects_something_and_is_listed_once() {
        let names = names(&target());
        for name in &names {
            assert!(select(name, &target()).is_ok(), "{name} selects nothing");
            assert_eq!(
                names.iter().filter(|other| *other == name).count(),
                1,
                "{name} is listed twice"
            );
        }
        assert_eq!(names.first().map(String::as_str), Some("postgres"));
    }
}
