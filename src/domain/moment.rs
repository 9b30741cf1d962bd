//! Times that people write: those that every part of the system can store, compare and write back.

use time::{OffsetDateTime, UtcOffset};

/// Years in which things may happen, in UTC.
pub const YEARS: std::ops::RangeInclusive<i32> = 2000..=9998;

/// A time outside [`YEARS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a time must lie in the years {} to {}", YEARS.start(), YEARS.end())]
pub struct MomentError;

/// The time in UTC, if it lies in [`YEARS`]. An offset can carry a time that was written within them out of them.
///
/// # Errors
/// When it doesn't.
pub fn moment(time: OffsetDateTime) -> Result<OffsetDateTime, MomentError> {
    let utc = time.checked_to_offset(UtcOffset::UTC).ok_or(MomentError)?;
    if YEARS.contains(&utc.year()) { Ok(utc) } else { Err(MomentError) }
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;
    use time::format_description::well_known::Rfc3339;

    use super::moment;

    #[test]
    fn times_that_no_part_of_the_system_could_write_back_are_refused() {
        for (text, fits) in [
            ("2030-01-01T20:00:00Z", true),
            ("2000-01-01T00:00:00Z", true),
            ("2000-01-01T00:00:00+00:01", false),
            ("9998-12-31T23:59:59Z", true),
            ("9998-12-31T23:59:59-00:01", false),
            ("9999-12-31T23:59:59-23:59", false),
            ("0000-01-01T00:00:00+23:59", false),
        ] {
            let time = OffsetDateTime::parse(text, &Rfc3339).unwrap();
            let utc = moment(time);
            assert_eq!(utc.is_ok(), fits, "{text}");
            assert!(utc.is_err() || utc == Ok(time), "{text}");
        }
    }
}
