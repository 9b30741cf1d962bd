//! Fixture files: events in TOML, each with a seat map in CSV beside it. Read and checked whole before anything is
//! written.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{House, Seed};
use crate::storage::seeding::NewSeat;

/// Longest name of an event, a section or a row, in characters.
const NAME_LENGTH_MAX: usize = 200;

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
    seat_map: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    section: String,
    row: String,
    number: i32,
    price: String,
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
        check_name(field, text).map_err(|reason| at(path, reason))?;
    }
    let starts_at = OffsetDateTime::parse(&event.starts_at, &Rfc3339).map_err(|_unparsable| {
        at(
            path,
            format!("starts_at {:?} is not RFC 3339, write 2027-03-05T19:30:00Z", event.starts_at),
        )
    })?;
    let map = path.parent().unwrap_or(Path::new("")).join(&event.seat_map);
    let seats = match maps.get(&map) {
        Some(seats) => seats.clone(),
        None => maps.entry(map.clone()).or_insert(seat_map(&map)?).clone(),
    };
    let Event { slug, title, venue, .. } = event;
    Ok(Seed { slug, title, venue, starts_at, house: House::Mapped(seats) })
}

/// Reads a seat map; no two seats may share a place.
fn seat_map(path: &Path) -> Result<Vec<NewSeat>, FixtureError> {
    let mut reader = csv::Reader::from_path(path).map_err(|error| at(path, error))?;
    let mut seats = Vec::new();
    let mut seen = HashMap::new();
    for record in reader.deserialize::<Place>() {
        let place = record.map_err(|error| {
            let line = error.position().map_or(1, csv::Position::line);
            FixtureError { place: format!("{}:{line}", path.display()), reason: reason_of(&error) }
        })?;
        let line = seats.len() + 2;
        let refuse =
            |reason: String| FixtureError { place: format!("{}:{line}", path.display()), reason };
        let key = (place.section.clone(), place.row.clone(), place.number);
        if let Some(first) = seen.insert(key, line) {
            let Place { section, row, number, .. } = place;
            return Err(refuse(format!(
                "seat {section} {row} {number} stands on line {first} already, remove one"
            )));
        }
        seats.push(new_seat(place).map_err(refuse)?);
    }
    if seats.is_empty() {
        return Err(at(path, "the seat map has no seats"));
    }
    Ok(seats)
}

fn new_seat(place: Place) -> Result<NewSeat, String> {
    check_name("section", &place.section)?;
    check_name("row", &place.row)?;
    if place.number < 1 {
        return Err(format!("number {} is not 1 or more", place.number));
    }
    let price_cents = cents(&place.price).ok_or_else(|| {
        format!("price {:?} is not an amount above 0, write 45 or 45.50", place.price)
    })?;
    Ok(NewSeat { section: place.section, row_label: place.row, number: place.number, price_cents })
}

fn check_name(field: &str, text: &str) -> Result<(), String> {
    let fits =
        (1..=NAME_LENGTH_MAX).contains(&text.chars().count()) && !text.contains(char::is_control);
    if fits {
        Ok(())
    } else {
        Err(format!(
            "{field} must be 1 to {NAME_LENGTH_MAX} characters, none of them control characters"
        ))
    }
}

/// An amount such as `45` or `45.50`, in cents, without a float on the way.
fn cents(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > 2 {
        return None;
    }
    let tenfold = if fraction.len() == 1 { 10 } else { 1 };
    let cents = whole
        .parse::<i64>()
        .ok()?
        .checked_mul(100)?
        .checked_add(fraction.parse::<i64>().ok()? * tenfold)?;
    (cents > 0).then_some(cents)
}

fn at(path: &Path, reason: impl std::fmt::Display) -> FixtureError {
    FixtureError { place: path.display().to_string(), reason: format!("{reason}") }
}

fn reason_of(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::Deserialize { err, .. } => err.to_string(),
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{len} columns where the header has {expected_len}")
        }
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::{cents, read_all, seat_map};

    fn refusal_of(map: &str) -> String {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("map.csv");
        fs::write(&path, map).unwrap();
        seat_map(&path).unwrap_err().to_string().split_once("map.csv").unwrap().1.to_owned()
    }

    #[test]
    fn prices_are_read_exactly() {
        for (text, expected) in [("45", 4500), ("45.5", 4550), ("45.05", 4505), ("0.01", 1)] {
            assert_eq!(cents(text), Some(expected), "{text}");
        }
        for text in ["", "0", "-1", "1.234", "1,50", ".5", "5.", "1e3", "99999999999999999999"] {
            assert_eq!(cents(text), None, "{text}");
        }
    }

    #[test]
    fn a_bad_seat_map_is_refused_with_its_line() {
        assert_eq!(
            refusal_of("section,row,number,price\nA,1,1,10\nA,1,2,10\nA,1,1,12\n"),
            ":4: seat A 1 1 stands on line 2 already, remove one"
        );
        assert_eq!(refusal_of("section,row,number,price\n"), ": the seat map has no seats");
        assert!(refusal_of("section,row,number,price\nA,1,0,10\n").starts_with(":2: number 0"));
        assert!(
            refusal_of("section,row,number,price\nA,1,1,free\n").starts_with(":2: price \"free\"")
        );
        assert!(refusal_of("section,row,number,price\nA,1,1\n").starts_with(":2: 3 columns"));
        assert!(refusal_of("section,row,price\nA,1,1\n").contains("number"));
    }

    #[test]
    fn the_fixtures_of_the_project_are_good_and_one_has_a_real_house() {
        let fixtures = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"));
        let files: Vec<PathBuf> = fs::read_dir(fixtures)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
            .collect();
        let largest = read_all(&files).unwrap().iter().map(|seed| seed.house.len()).max();
        assert!(largest >= Some(2000), "{largest:?}");
    }
}
