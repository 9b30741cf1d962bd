//! Fixture files: events in TOML, each with a seat map in CSV beside it. Read and checked whole before anything is
//! written.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::event::{Seating, Seed};
use crate::booking::seat_map::{self, check_name};
use crate::storage::seeding::NewSeat;

/// Why a fixture is refused, with file and line where there is one.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {reason}")]
pub struct FixtureError {
    place: String,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema_version: u32,
    events: Vec<Event>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Event {
    slug: String,
    title: String,
    venue: String,
    starts_at: String,
    sales_end_at: Option<String>,
    seat_map: PathBuf,
}

/// Reads fixture files; no slug may come twice.
pub fn read_all(files: &[PathBuf]) -> Result<Vec<Seed>, FixtureError> {
    let mut seeds = Vec::new();
    let mut slugs = HashSet::new();
    let mut maps = HashMap::new();
    for file in files {
        for seed in read(file, &mut maps)? {
            if !slugs.insert(seed.slug.clone()) {
                return Err(at(
                    file,
                    format!("the slug {:?} is used twice, give each event its own", seed.slug),
                ));
            }
            seeds.push(seed);
        }
    }
    Ok(seeds)
}

fn read(path: &Path, maps: &mut HashMap<PathBuf, Vec<NewSeat>>) -> Result<Vec<Seed>, FixtureError> {
    let text = fs::read_to_string(path).map_err(|error| at(path, error))?;
    let file: File = toml::from_str(&text).map_err(|error| {
        let line = error.span().map_or(1, |span| text[..span.start].lines().count().max(1));
        FixtureError {
            place: format!("{}:{line}", path.display()),
            reason: error.message().to_owned(),
        }
    })?;
    if file.schema_version != 1 {
        return Err(at(
            path,
            format!("schema_version {} is not known, write 1", file.schema_version),
        ));
    }
    file.events.into_iter().map(|event| seed(path, event, maps)).collect()
}

fn seed(
    path: &Path,
    event: Event,
    maps: &mut HashMap<PathBuf, Vec<NewSeat>>,
) -> Result<Seed, FixtureError> {
    for (field, text) in [("slug", &event.slug), ("title", &event.title), ("venue", &event.venue)] {
        check_name(text).map_err(|reason| at(path, format!("{field}: {reason}")))?;
    }
    let starts_at = time(path, "starts_at", &event.starts_at)?;
    let sales_end_at = event.sales_end_at.as_deref();
    let sales_end_at = sales_end_at.map(|text| time(path, "sales_end_at", text)).transpose()?;
    let map = path.parent().unwrap_or(Path::new("")).join(&event.seat_map);
    let seats = match maps.get(&map) {
        Some(seats) => seats.clone(),
        None => maps.entry(map.clone()).or_insert(seat_map(&map)?).clone(),
    };
    let Event { slug, title, venue, .. } = event;
    Ok(Seed {
        slug,
        title,
        venue,
        starts_at,
        sales_end_at,
        seating: Seating::Mapped(seats),
        tickets_per_user: None,
    })
}

fn time(path: &Path, field: &str, text: &str) -> Result<OffsetDateTime, FixtureError> {
    OffsetDateTime::parse(text, &Rfc3339).map_err(|_unparsable| {
        at(path, format!("{field} {text:?} is not RFC 3339, write 2040-03-02T19:30:00Z"))
    })
}

fn seat_map(path: &Path) -> Result<Vec<NewSeat>, FixtureError> {
    let map = fs::File::open(path).map_err(|error| at(path, error))?;
    seat_map::read(map).map_err(|error| FixtureError {
        place: format!("{}:{}{}", path.display(), error.line, error.column.unwrap_or_default()),
        reason: error.reason,
    })
}

fn at(path: &Path, reason: impl std::fmt::Display) -> FixtureError {
    FixtureError { place: path.display().to_string(), reason: format!("{reason}") }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::{read_all, seat_map};

    fn refusal_of(map: &str) -> String {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("map.csv");
        fs::write(&path, map).unwrap();
        seat_map(&path).unwrap_err().to_string().split_once("map.csv").unwrap().1.to_owned()
    }

    #[test]
    fn a_bad_seat_map_is_refused_with_its_line() {
        assert_eq!(
            refusal_of("section,row,number,price\nA,1,1,10\nA,1,2,10\nA,1,1,12\n"),
            ":4: seat A 1 1 stands on line 2 already, remove one"
        );
        assert!(refusal_of("section,row,price\nA,1,1\n").contains("number"));
    }

    #[test]
    fn the_fixtures_of_the_project_are_good_and_one_is_a_whole_theatre() {
        let fixtures = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"));
        let files: Vec<PathBuf> = fs::read_dir(fixtures)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
            .collect();
        let largest = read_all(&files).unwrap().iter().map(|seed| seed.seating.len()).max();
        assert!(largest >= Some(2000), "{largest:?}");
    }
}
