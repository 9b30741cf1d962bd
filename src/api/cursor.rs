//! Where the next page of a list begins: the time and the id of the last row, as one word for a URL.

use time::OffsetDateTime;
use uuid::Uuid;

use super::error::ApiError;
use crate::domain::moment;

/// Writes a cursor: microseconds since the Unix epoch, and the id.
pub fn write(time: OffsetDateTime, id: Uuid) -> String {
    format!("{}.{id}", time.unix_timestamp_nanos() / 1000)
}

/// Reads one that [`write()`] wrote.
pub fn read(text: &str) -> Result<(OffsetDateTime, Uuid), ApiError> {
    let parts = text.split_once('.').and_then(|(micros, id)| {
        let nanos = micros.parse::<i128>().ok()?.checked_mul(1000)?;
        let time = moment(OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()?).ok()?;
        Some((time, Uuid::parse_str(id).ok()?))
    });
    let message = "use the next_cursor of the page before, as it was given";
    parts.ok_or_else(|| ApiError::malformed("cursor", message))
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;
    use uuid::Uuid;

    use super::{read, write};

    #[test]
    fn a_cursor_is_read_back_to_the_microsecond_and_rubbish_is_refused() {
        let time = OffsetDateTime::from_unix_timestamp_nanos(1_700_000_000_123_456_000).unwrap();
        let id = Uuid::from_u128(7);
        assert_eq!(read(&write(time, id)).unwrap(), (time, id));
        let far = ["99999999999999999999999999", "-300000000000000000", "253402300799000000"];
        let far = far.map(|micros| format!("{micros}.{id}"));
        for bad in ["", ".", "1", "x.y"].into_iter().chain(far.iter().map(String::as_str)) {
            assert!(read(bad).is_err(), "{bad:?} was taken");
        }
    }
}
