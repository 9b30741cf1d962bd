//! Rows in bulk: seats by COPY, PostgreSQL's fastest way in.

use sqlx::PgConnection;

use super::StorageError;
use crate::domain::EventId;

/// A seat to put in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSeat {
    /// Section of the venue.
    pub section: String,
    /// Row within the section.
    pub row_label: String,
    /// Number within the row, from 1.
    pub number: i32,
    /// Price in cents, from 1.
    pub price_cents: i64,
}

/// Where a COPY goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyInto {
    /// The seats themselves: for a new event, which can have none yet.
    Seats,
    /// The staging table of [`create_staging`]: for an event that may have some of them.
    Staging,
}

/// Bytes gathered before they are sent.
const CHUNK_BYTES: usize = 256 * 1024;

/// Copies an event's seats and calls `progress` with the number of seats in each chunk sent; returns how many went in.
/// On an error the connection's transaction must be rolled back.
pub async fn copy_seats(
    connection: &mut PgConnection,
    event: EventId,
    into: CopyInto,
    seats: impl Iterator<Item = NewSeat>,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<u64, StorageError> {
    // No column may be null, and names hold no control characters: nothing that is sent reads as null.
    let statement = match into {
        CopyInto::Seats => {
            "copy seats (event_id, section, row_label, number, price_cents) from stdin (format csv, null e'\\x01')"
        }
        CopyInto::Staging => {
            "copy staged_seats (event_id, section, row_label, number, price_cents) from stdin (format csv, null e'\\x01')"
        }
    };
    let mut copy = connection.copy_in_raw(statement).await?;
    let event = event.0.to_string();
    let mut chunk = csv::Writer::from_writer(Vec::with_capacity(CHUNK_BYTES + 1024));
    let mut gathered = 0_u64;
    for seat in seats {
        let written = chunk.serialize((
            &event,
            &seat.section,
            &seat.row_label,
            seat.number,
            seat.price_cents,
        ));
        written.map_err(|error| StorageError::Broken(sqlx::Error::Encode(error.into())))?;
        gathered += 1;
        if chunk.get_ref().len() >= CHUNK_BYTES {
            let full = std::mem::replace(
                &mut chunk,
                csv::Writer::from_writer(Vec::with_capacity(CHUNK_BYTES + 1024)),
            );
            copy.send(bytes_of(full)?).await?;
            progress(gathered);
            gathered = 0;
        }
    }
    copy.send(bytes_of(chunk)?).await?;
    progress(gathered);
    Ok(copy.finish().await?)
}

fn bytes_of(writer: csv::Writer<Vec<u8>>) -> Result<Vec<u8>, StorageError> {
    writer
        .into_inner()
        .map_err(|error| StorageError::Broken(sqlx::Error::Encode(error.to_string().into())))
}

/// Makes the staging table, which lives as long as the transaction.
pub async fn create_staging(connection: &mut PgConnection) -> Result<(), StorageError> {
    sqlx::query(
        "create temp table staged_seats (event_id uuid, section text, row_label text, number integer, price_cents bigint)
         on commit drop",
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Moves the staged seats that the event lacks; returns how many.
pub async fn move_staged(connection: &mut PgConnection) -> Result<u64, StorageError> {
    let done = sqlx::query(
        "insert into seats (event_id, section, row_label, number, price_cents)
         select event_id, section, row_label, number, price_cents from staged_seats
         on conflict on constraint seats_place_key do nothing",
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// Drops the staging table, so that the transaction can fill another.
pub async fn drop_staging(connection: &mut PgConnection) -> Result<(), StorageError> {
    sqlx::query("drop table staged_seats").execute(connection).await?;
    Ok(())
}
