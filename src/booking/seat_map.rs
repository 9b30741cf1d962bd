//! Seat maps: CSV with the header `section,row,number,price`, read whole and checked before anything is written. The
//! same for fixtures and for uploads.

use std::collections::HashMap;
use std::io;

use serde::Deserialize;

use crate::domain::event::PRICE_CENTS_MAX;
use crate::storage::seeding::NewSeat;

/// Longest name of a section or a row, in characters.
const NAME_LENGTH_MAX: usize = 200;
/// The header.
const COLUMNS: [&str; 4] = ["section", "row", "number", "price"];
/// Seats of one map at most.
pub const SEATS_MAX: usize = 200_000;

/// Why a map is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct SeatMapError {
    /// Line of the file, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    section: String,
    row: String,
    number: i32,
    price: String,
}

/// Reads a seat map; no two seats may share a place.
pub fn read(map: impl io::Read) -> Result<Vec<NewSeat>, SeatMapError> {
    let mut reader = csv::Reader::from_reader(map);
    let mut seats = Vec::new();
    let mut seen = HashMap::new();
    let mut record = csv::StringRecord::new();
    let headers = reader.headers().map_err(|error| of_csv(&error))?.clone();
    check_header(&headers)?;
    while reader.read_record(&mut record).map_err(|error| of_csv(&error))? {
        let line = record.position().map_or(1, csv::Position::line);
        let refuse = |reason: String| SeatMapError { line, reason };
        let entry: Entry =
            record.deserialize(Some(&headers)).map_err(|error| refuse(reason_of(&error)))?;
        let key = (entry.section.clone(), entry.row.clone(), entry.number);
        if let Some(first) = seen.insert(key, line) {
            let Entry { section, row, number, .. } = entry;
            return Err(refuse(format!(
                "seat {section} {row} {number} stands on line {first} already, remove one"
            )));
        }
        if seats.len() == SEATS_MAX {
            return Err(refuse(format!("a seat map has at most {SEATS_MAX} seats")));
        }
        seats.push(new_seat(entry).map_err(refuse)?);
    }
    if seats.is_empty() {
        return Err(SeatMapError { line: 1, reason: "the seat map has no seats".to_owned() });
    }
    Ok(seats)
}

/// The columns may stand in any order.
fn check_header(headers: &csv::StringRecord) -> Result<(), SeatMapError> {
    let has_all = COLUMNS.iter().all(|column| headers.iter().any(|header| header == *column));
    // A file without any line has no seats, which is said later.
    if headers.is_empty() || (has_all && headers.len() == COLUMNS.len()) {
        return Ok(());
    }
    let found: String = headers.iter().collect::<Vec<_>>().join(",").chars().take(80).collect();
    let wanted = COLUMNS.join(",");
    let reason = format!("the header is {found:?}, write {wanted}, separated by commas");
    Err(SeatMapError { line: 1, reason })
}

fn new_seat(entry: Entry) -> Result<NewSeat, String> {
    check_name("section", &entry.section)?;
    check_name("row", &entry.row)?;
    if entry.number < 1 {
        return Err(format!("number {} is not 1 or more", entry.number));
    }
    let price_cents = cents(&entry.price).filter(|cents| *cents <= PRICE_CENTS_MAX);
    let price_cents = price_cents.ok_or_else(|| {
        format!("price {:?} is not an amount above 0, write 45 or 45.50", entry.price)
    })?;
    Ok(NewSeat { section: entry.section, row_label: entry.row, number: entry.number, price_cents })
}

/// Refuses names that are empty, over-long or not printable.
pub fn check_name(field: &str, text: &str) -> Result<(), String> {
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

fn of_csv(error: &csv::Error) -> SeatMapError {
    let line = error.position().map_or(1, csv::Position::line);
    SeatMapError { line, reason: reason_of(error) }
}

fn reason_of(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::Deserialize { err, .. } => err.to_string(),
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{len} columns where the header has {expected_len}")
        }
        csv::ErrorKind::Utf8 { .. } => "the file is not UTF-8".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::{cents, read};

    #[test]
    fn amounts_are_exact_and_rubbish_is_none() {
        for (text, expected) in
            [("45", Some(4500)), ("45.5", Some(4550)), ("0.01", Some(1)), ("45.50", Some(4550))]
        {
            assert_eq!(cents(text), expected, "{text}");
        }
        for bad in ["", "0", "-1", "1.234", "1,50", "1e3", ".5", "5.", "99999999999999999999"] {
            assert_eq!(cents(bad), None, "{bad}");
        }
    }

    #[test]
    fn columns_may_stand_in_any_order() {
        let seats = read("price,number,row,section\n45.50,7,1,A\n".as_bytes()).unwrap();
        assert_eq!(
            (seats[0].section.as_str(), seats[0].number, seats[0].price_cents),
            ("A", 7, 4550)
        );
    }

    #[test]
    fn a_refused_map_names_its_line() {
        let refused = |map: &str| read(map.as_bytes()).unwrap_err().to_string();
        let head = "section,row,number,price\n";
        assert_eq!(
            refused(&format!("{head}A,1,1,5\nA,1,1,6\n")),
            "line 3: seat A 1 1 stands on line 2 already, remove one"
        );
        assert_eq!(refused(&format!("{head}A,1,0,5\n")), "line 2: number 0 is not 1 or more");
        assert!(refused(&format!("{head}A,1,1\n")).starts_with("line 2: 3 columns"));
        assert!(refused(&format!("{head}A,1,1,free\n")).starts_with("line 2: price \"free\""));
        assert!(refused(&format!("{head}A\u{7},1,1,5\n")).starts_with("line 2: section must be"));
        assert_eq!(refused(head), "line 1: the seat map has no seats");
        assert_eq!(refused(""), "line 1: the seat map has no seats");
        for wrong in [
            "section;row;number;price\nA;1;1;5\n",
            "section,row,number\nA,1,1\n",
            "section,row,number,price,colour\nA,1,1,5,red\n",
            "A,1,1,5\nA,1,2,5\n",
        ] {
            let said = refused(wrong);
            assert!(said.starts_with("line 1: the header is \""), "{said}");
            assert!(
                said.ends_with("write section,row,number,price, separated by commas"),
                "{said}"
            );
        }
        let bytes = [head.as_bytes(), b"\xff,1,1,5\n"].concat();
        assert!(read(&bytes[..]).unwrap_err().to_string().contains("UTF-8"));
    }
}
