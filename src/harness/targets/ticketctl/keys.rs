//! What became of an idempotency key, by the record that the server keeps of it.

use serde::de::DeserializeOwned;

use super::told::{of_booking, of_reservation};
use crate::harness::recorder::{OpKind, Told};
use crate::harness::targets::answer::KeyFate;
use crate::wire::{IdempotencyStatus, Success};

/// Reads a key's record. An unfinished operation or an answer that can't be read tells nothing; a failed one has no effect.
pub fn fate(kind: OpKind, status: IdempotencyStatus) -> KeyFate {
    match (status.state.as_str(), status.status_code, status.response) {
        ("SUCCESS", Some(200..300), Some(answer)) => {
            granted(kind, answer).map_or(KeyFate::Unknown, |told| KeyFate::Granted(told.into()))
        }
        ("FAILED", _, _) | ("SUCCESS", Some(400..500), _) => KeyFate::None,
        _ => KeyFate::Unknown,
    }
}

/// What the stored answer tells of, whatever it is an answer to.
pub fn stored(status: IdempotencyStatus) -> Option<Told> {
    let answer = status.response?;
    let sale = data(answer.clone()).map(of_booking);
    sale.or_else(|| data(answer).map(of_reservation))
}

fn granted(kind: OpKind, answer: serde_json::Value) -> Option<Told> {
    match kind {
        OpKind::Hold => data(answer).map(of_reservation),
        OpKind::Confirm | OpKind::Book => data(answer).map(of_booking),
        OpKind::Cancel
        | OpKind::Extend
        | OpKind::CancelBooking
        | OpKind::CheckIn
        | OpKind::CancelEvent
        | OpKind::EditEvent
        | OpKind::DeleteEvent
        | OpKind::ReadReservation
        | OpKind::ReadBooking
        | OpKind::ReadTicket
        | OpKind::ReadKey
        | OpKind::ListReservations
        | OpKind::ListBookings
        | OpKind::ReadAvailability
        | OpKind::ReadSeats => None,
    }
}

fn data<T: DeserializeOwned>(answer: serde_json::Value) -> Option<T> {
    serde_json::from_value::<Success<T>>(answer).ok().map(|answer| answer.data)
}

#[cfg(test)]
mod tests {
    use super::fate;
    use crate::harness::recorder::OpKind;
    use crate::harness::targets::answer::KeyFate;
    use crate::wire::IdempotencyStatus;

    #[test]
    fn only_a_final_record_is_believed() {
        let status = |state: &str, status_code| IdempotencyStatus {
            key: String::new(),
            state: state.to_owned(),
            status_code,
            response: None,
        };
        assert!(matches!(fate(OpKind::Hold, status("IN_PROGRESS", None)), KeyFate::Unknown));
        assert!(matches!(fate(OpKind::Hold, status("FAILED", Some(402))), KeyFate::None));
        assert!(
            matches!(fate(OpKind::Hold, status("SUCCESS", Some(201))), KeyFate::Unknown),
            "its answer is missing"
        );
    }
}
