//! The TCP ports of services by name; knows no hosts.

use std::fs;

/// Where the system lists them.
const LIST: &str = "/etc/services";
/// What is known without that list, which small images lack.
const WELL_KNOWN: &[(&str, u16)] = &[
    ("ssh", 22),
    ("smtp", 25),
    ("domain", 53),
    ("http", 80),
    ("https", 443),
    ("imaps", 993),
    ("mysql", 3306),
    ("postgresql", 5432),
    ("amqp", 5672),
    ("redis", 6379),
];

/// The port of the service called `name`; `None` where nobody knows it.
pub fn port(name: &str) -> Option<u16> {
    let list = fs::read_to_string(LIST).unwrap_or_default();
    let known = || WELL_KNOWN.iter().find(|(known, _)| *known == name).map(|(_, port)| *port);
    listed(&list, name).or_else(known)
}

/// Looks for a name or an alias: each line has a name, `port/protocol`, and aliases.
fn listed(list: &str, name: &str) -> Option<u16> {
    list.lines().find_map(|line| {
        let (entry, _comment) = line.split_once('#').unwrap_or((line, ""));
        let mut words = entry.split_whitespace();
        let (first, port) = (words.next()?, words.next()?.strip_suffix("/tcp")?);
        (first == name || words.any(|alias| alias == name)).then(|| port.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_aliases_are_found_and_comments_and_other_protocols_are_not() {
        let list = "# services\ndns 5/udp\n\nweb\t81/tcp  www # shop\ndns 53/tcp\nbad x/tcp\n";
        for (name, port) in [
            ("web", Some(81)),
            ("www", Some(81)),
            ("dns", Some(53)),
            ("shop", None),
            ("bad", None),
            ("81/tcp", None),
            ("", None),
        ] {
            assert_eq!(listed(list, name), port, "{name}");
        }
    }
}
