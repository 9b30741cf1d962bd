//! What an order asks for, read from its body: seats or a quantity, one of the two.

use super::error::ApiError;
use crate::domain::{Quantity, SeatSet, Wanted};

/// Reads the two fields of a hold or a booking.
///
/// # Errors
/// 422 for both, for neither, and for more than one request may ask for.
pub fn parse(seat_ids: Vec<i64>, quantity: Option<u32>) -> Result<Wanted, ApiError> {
    match quantity {
        None => SeatSet::parse(seat_ids)
            .map(Wanted::Seats)
            .map_err(|error| ApiError::invalid("seat_ids", error)),
        Some(quantity) if seat_ids.is_empty() => Quantity::new(quantity)
            .map(Wanted::Any)
            .map_err(|error| ApiError::invalid("quantity", error)),
        Some(_) => Err(ApiError::invalid("quantity", "name seats or a quantity, not both")),
    }
}
