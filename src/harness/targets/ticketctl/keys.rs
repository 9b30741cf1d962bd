//! What became of an idempotency key, by the record that the server keeps of it.

use serde::de::DeserializeOwned;

use super::granted::{of_booking, of_reservation};
use crate::harness::recorder::OpKind;
use crate::harness::targets::answer::{Granted, KeyFate};
use crate::wire::{IdempotencyStatus, Success};

/// Reads a key's record. An unfinished operation or an answer that can't be read tells nothing; a failed one has no effect.
pub fn fate(kind: OpKind, status: IdempotencyStatus) -> KeyFate {
    match (status.state.as_str(), status.status_code, status.response) {
        ("SUCCESS", Some(200..300), Some(answer)) => {
            granted(kind, answer).map_or(KeyFate::Unknown, KeyFate::Granted)
        }
        ("FAILED", _, _) | ("SUCCESS", Some(400..500), _) => KeyFate::None,
        _ => KeyFate::Unknown,
    }
}

fn granted(kind: OpKind, answer: serde_json::Value) -> Option<Granted> {
    match kind {
        OpKind::Hold => data(answer).map(of_reservation),
        OpKind::Confirm | OpKind::Book => data(answer).map(of_booking),
        OpKind::Cancel | OpKind::CancelBooking | OpKind::CancelEvent | OpKind::Read => None,
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
