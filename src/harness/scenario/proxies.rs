//! Names of the fault proxies and which of them a target name selects. Knows nothing of the proxies themselves.

use std::fmt;

use crate::harness::plan::{FaultTarget, Plan};

/// One proxied link. Displayed as the proxy's name: `server-1.postgres`, `server-1.redis-2`, `client.server-1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Link {
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

impl fmt::Display for Link {
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

/// Every link that can exist with this many servers and Redis nodes, in report order.
pub fn links(instances: u32, redis_nodes: u32) -> Vec<Link> {
    let stores = || std::iter::once(Store::Postgres).chain((1..=redis_nodes).map(Store::Redis));
    let of_server = |server| stores().map(move |store| Link::Store { server, store });
    (1..=instances)
        .flat_map(of_server)
        .chain((1..=instances).map(|server| Link::Client { server }))
        .collect()
}

/// The links that a fault's `proxy` names; empty for a name that selects nothing here.
///
/// `redis` is every server with every node, `redis-2` one node for every server, `server-1.redis` one server cut off from
/// all of Redis, `client` every server's clients.
pub fn select(name: &str, instances: u32, redis_nodes: u32) -> Vec<Link> {
    links(instances, redis_nodes)
        .into_iter()
        .filter(|link| names_of(*link).iter().any(|each| each == name))
        .collect()
}

/// The links that a plan needs proxies on: none without network faults; else every link to a store, so that servers are
/// treated alike, and those to clients that a fault asks for.
pub fn needed(plan: &Plan) -> Vec<Link> {
    let (instances, nodes) = (plan.target.instances, plan.target.redis_nodes);
    let struck: Vec<Link> = plan
        .faults
        .iter()
        .filter_map(|fault| match &fault.on {
            FaultTarget::Proxy(name) => Some(select(name, instances, nodes)),
            FaultTarget::Process(_) | FaultTarget::Event(_) => None,
        })
        .flatten()
        .collect();
    if struck.is_empty() {
        return Vec::new();
    }
    let is_needed = |link: &Link| matches!(link, Link::Store { .. }) || struck.contains(link);
    links(instances, nodes).into_iter().filter(is_needed).collect()
}

/// Every name that [`select`] finds something for, general ones first.
pub fn names(instances: u32, redis_nodes: u32) -> Vec<String> {
    let by_link: Vec<_> = links(instances, redis_nodes).into_iter().map(names_of).collect();
    let mut names: Vec<String> = Vec::new();
    for generality in 0..4 {
        for name in by_link.iter().filter_map(|names| names.get(generality)) {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
    }
    names
}

/// The names that cover one link, from the most general to its own.
fn names_of(link: Link) -> Vec<String> {
    match link {
        Link::Store { server, store: Store::Postgres } => {
            vec!["postgres".to_owned(), format!("server-{server}.postgres")]
        }
        Link::Store { server, store: store @ Store::Redis(_) } => {
            vec![
                "redis".to_owned(),
                store.to_string(),
                format!("server-{server}.redis"),
                link.to_string(),
            ]
        }
        Link::Client { .. } => vec!["client".to_owned(), link.to_string()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, expected: &[&str]) {
        let selected: Vec<String> = select(name, 2, 3).iter().map(ToString::to_string).collect();
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
        assert_eq!(select("redis", 2, 3).len(), 6);
    }

    #[test]
    fn a_name_of_something_that_is_not_there_selects_nothing() {
        for name in
            ["redis-4", "redis-0", "server-3.redis", "client.server-3", "server-1", "Postgres", ""]
        {
            check(name, &[]);
        }
    }

    #[test]
    fn every_listed_name_selects_something_and_is_listed_once() {
        let names = names(2, 3);
        for name in &names {
            assert!(!select(name, 2, 3).is_empty(), "{name} selects nothing");
            assert_eq!(
                names.iter().filter(|other| *other == name).count(),
                1,
                "{name} is listed twice"
            );
        }
        assert_eq!(names.first().map(String::as_str), Some("postgres"));
    }
}
