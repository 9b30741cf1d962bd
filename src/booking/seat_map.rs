//! Seat maps: CSV with the header `section,row,number,price`, read whole and checked before anything is written. The
//! same for fixtures and for uploads.

use std::collections::HashMap;
use std::io;

use serde::Deserialize;

use crate::domain::event::PRICE_CENTS_MAX;
use crate::domain::text::{TextError, check_line};
use crate::storage::seeding::NewSeat;

/// Longest name of a section or a row, in characters.
const NAME_LENGTH_MAX: usize = 200;
/// The header.
const COLUMNS: [&str; 4] = ["section", "row", "number", "price"];
/// Seats of one map at most.
pub const SEATS_MAX: usize = 200_000;

/// Longest value that is repeated, in characters: a file may hold anything.
const REPEATED_LENGTH_MAX: usize = 40;

/// Why a map is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}{}: {reason}", .column.as_deref().unwrap_or_default())]
pub struct SeatMapError {
    /// Line of the file, from 1.
    pub line: u64,
    /// Where in the line, as `, column 3 (number)`; `None` for the whole of it.
    pub column: Option<String>,
    /// What is wrong with it.
    pub reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    section: String,
    row: String,
    number: String,
    price: String,
}

/// Reads a seat map; no two seats may share a place.
pub fn read(map: impl io::Read) -> Result<Vec<NewSeat>, SeatMapError> {
    let mut reader = csv::Reader::from_reader(map);
    let mut seats = Vec::new();
    let mut seen = HashMap::new();
    let mut record = csv::StringRecord::new();
    let nameless = csv::StringRecord::new();
    let headers = reader.headers().map_err(|error| of_csv(&error, &nameless))?.clone();
    check_header(&headers)?;
    while reader.read_record(&mut record).map_err(|error| of_csv(&error, &headers))? {
        let line = record.position().map_or(1, csv::Position::line);
        let entry: Entry =
            record.deserialize(Some(&headers)).map_err(|error| of_csv(&error, &headers))?;
        let seat = new_seat(entry).map_err(|(name, reason)| {
            let column = headers.iter().position(|header| header == name);
            SeatMapError { line, column: column.map(|index| place(index, &headers)), reason }
        })?;
        let key = (seat.section.clone(), seat.row_label.clone(), seat.number);
        if let Some(first) = seen.insert(key, line) {
            let NewSeat { section, row_label, number, .. } = seat;
            return Err(of_line(
                line,
                format!(
                    "seat {section} {row_label} {number} stands on line {first} already, remove one"
                ),
            ));
        }
        if seats.len() == SEATS_MAX {
            return Err(of_line(line, format!("a seat map has at most {SEATS_MAX} seats")));
        }
        seats.push(seat);
    }
    if seats.is_empty() {
        return Err(of_line(1, "the seat map has no seats".to_owned()));
    }
    Ok(seats)
}

fn of_line(line: u64, reason: String) -> SeatMapError {
    SeatMapError { line, column: None, reason }
}

/// The column at this index, as people count and call it.
fn place(index: usize, headers: &csv::StringRecord) -> String {
    let name = headers.get(index).map(|name| format!(" ({name})")).unwrap_or_default();
    format!(", column {}{name}", index + 1)
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
    Err(of_line(1, reason))
}

/// The seat; or the column that is wrong, and why.
fn new_seat(entry: Entry) -> Result<NewSeat, (&'static str, String)> {
    let Entry { section, row, number, price } = entry;
    check_name(&section).map_err(|error| ("section", error.to_string()))?;
    check_name(&row).map_err(|error| ("row", error.to_string()))?;
    let number = whole_number(&number).ok_or_else(|| {
        ("number", format!("{} is not a whole number from 1 to {}", shown(&number), i32::MAX))
    })?;
    let price_cents = cents(&price).filter(|cents| *cents <= PRICE_CENTS_MAX);
    let price_cents = price_cents.ok_or_else(|| {
        let dearest = format!("{}.{:02}", PRICE_CENTS_MAX / 100, PRICE_CENTS_MAX % 100);
        let reason = format!("is not an amount from 0.01 to {dearest}, write 45 or 45.50");
        ("price", format!("{} {reason}", shown(&price)))
    })?;
    Ok(NewSeat { section, row_label: row, number, price_cents })
}

/// Refuses the name of a section, a row or the like that is empty, over-long or has characters that nobody sees.
pub fn check_name(text: &str) -> Result<(), TextError> {
    check_line(text, NAME_LENGTH_MAX)
}

/// What stands in the file, in quotes.
fn shown(value: &str) -> String {
    format!("{:?}", value.chars().take(REPEATED_LENGTH_MAX).collect::<String>())
}

/// Digits and nothing else, 1 or more.
fn whole_number(text: &str) -> Option<i32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| digits && *number > 0)
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

fn of_csv(error: &csv::Error, headers: &csv::StringRecord) -> SeatMapError {
    let line = error.position().map_or(1, csv::Position::line);
    let reason = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{len} columns where the header has {expected_len}")
        }
        csv::ErrorKind::Utf8 { err, .. } => {
            let column = Some(place(err.field(), headers));
            return SeatMapError { line, column, reason: "this is not UTF-8".to_owned() };
        }
        csv::ErrorKind::Io(error) => format!("the file can't be read: {error}"),
        // Every column is a text, and the header has been checked.
        _ => "this line can't be read".to_owned(),
    };
    of_line(line, reason)
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
        for number in ["0", "-1", "x", "1.5", "+1", "99999999999", ""] {
            assert_eq!(
                refused(&format!("{head}A,1,{number},5\n")),
                format!(
                    "line 2, column 3 (number): {number:?} is not a whole number from 1 to 2147483647"
                )
            );
        }
        for price in ["free", "", "0", "1000000.01", "99999999999999999999"] {
            assert_eq!(
                refused(&format!("{head}A,1,1,5\nA,1,2,{price}\n")),
                format!(
                    "line 3, column 4 (price): {price:?} is not an amount from 0.01 to 1000000.00, write 45 or 45.50"
                )
            );
        }
        // The column is the file's own.
        let turned = "price,number,row,section\n5,x,1,A\n";
        assert!(refused(turned).starts_with("line 2, column 2 (number): "), "{}", refused(turned));
        assert!(refused(&format!("{head}A,1,1\n")).starts_with("line 2: 3 columns"));
        for (row, place) in [
            ("A\u{7},1,1,5", "column 1 (section)"),
            ("A,\u{202e}1,1,5", "column 2 (row)"),
            (",1,1,5", "column 1 (section)"),
        ] {
            let said = refused(&format!("{head}{row}\n"));
            assert!(said.starts_with(&format!("line 2, {place}: ")), "{said}");
        }
        let long = refused(&format!("{head}A,1,{},5\n", "9".repeat(10_000)));
        assert!(long.len() < 200, "{long}");
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
        assert_eq!(
            read(&bytes[..]).unwrap_err().to_string(),
            "line 2, column 1 (section): this is not UTF-8"
        );
    }
}
