//! Pages of a list: which one a query asks for, and how it is answered.

use axum::response::Response;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::error::ApiError;
use super::{cursor, render};

/// Rows in one page at most.
const PAGE_ROWS_MAX: u32 = 100;

/// Which page of a list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// Rows in one page, 1 to 100.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// `meta.next_cursor` of the page before.
    cursor: Option<String>,
}

impl PageQuery {
    /// Where the page begins, and how long it is.
    pub fn read(&self) -> Result<(Option<(OffsetDateTime, Uuid)>, i64), ApiError> {
        let after = self.cursor.as_deref().map(cursor::read).transpose()?;
        Ok((after, rows_per_page(self.limit)?))
    }
}

/// Rows of a page: what was asked for, within 1 and 100; 100 unless asked.
pub fn rows_per_page(asked: Option<u32>) -> Result<i64, ApiError> {
    match asked {
        None => Ok(i64::from(PAGE_ROWS_MAX)),
        Some(rows) if (1..=PAGE_ROWS_MAX).contains(&rows) => Ok(i64::from(rows)),
        Some(_) => Err(ApiError::malformed("limit", format!("ask for 1 to {PAGE_ROWS_MAX}"))),
    }
}

/// Where the next page begins, when this one is full.
pub fn next_cursor<R>(rows: &[R], per_page: i64, cursor: impl Fn(&R) -> String) -> Option<String> {
    let full = i64::try_from(rows.len()) == Ok(per_page);
    rows.last().filter(|_| full).map(cursor)
}

/// A page of rows that are listed by the time they were made, newest first.
pub fn newest_first<'a, R, W>(
    rows: &'a [(OffsetDateTime, R)],
    per_page: i64,
    id: fn(&R) -> Uuid,
) -> Response
where
    W: From<&'a R> + Serialize,
{
    let next = next_cursor(rows, per_page, |(time, row)| cursor::write(*time, id(row)));
    render::page(rows.iter().map(|(_, row)| W::from(row)).collect::<Vec<W>>(), next)
}
