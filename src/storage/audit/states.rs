//! States as the audit holds them: the domain's own where it has them, each written by its word in the database.

use serde::de::Error as _;
use serde::{Deserialize as _, Deserializer, Serializer};

use crate::domain::{BookingState, EventStatus, ReservationState};
use crate::storage::StorageError;

/// Where a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaymentState {
    /// Whether it was charged is not known yet.
    Pending,
    /// Charged.
    Captured,
    /// Never charged.
    Failed,
    /// Charged and refunded.
    Refunded,
}

/// Where a payment's saga stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaymentStep {
    /// The provider is being asked to charge.
    Charging,
    /// The provider is being asked to refund.
    Refunding,
    /// Nothing is left to do.
    Done,
}

impl PaymentState {
    /// The word in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Captured => "captured",
            Self::Failed => "failed",
            Self::Refunded => "refunded",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        [Self::Pending, Self::Captured, Self::Failed, Self::Refunded]
            .into_iter()
            .find(|state| state.name() == name)
    }
}

impl PaymentStep {
    fn name(self) -> &'static str {
        match self {
            Self::Charging => "charging",
            Self::Refunding => "refunding",
            Self::Done => "done",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        [Self::Charging, Self::Refunding, Self::Done].into_iter().find(|step| step.name() == name)
    }
}

/// A state that is a word in the database and in `audit.json`.
pub trait Word: Copy {
    /// What the word is about.
    const WHAT: &'static str;
    /// The word.
    fn word(self) -> &'static str;
    /// The state of this word, if it is one.
    fn of(word: &str) -> Option<Self>;
}

impl Word for BookingState {
    const WHAT: &'static str = "booking state";

    fn word(self) -> &'static str {
        self.name()
    }

    fn of(word: &str) -> Option<Self> {
        Self::parse(word)
    }
}

impl Word for ReservationState {
    const WHAT: &'static str = "reservation state";

    fn word(self) -> &'static str {
        self.name()
    }

    fn of(word: &str) -> Option<Self> {
        Self::parse(word)
    }
}

impl Word for EventStatus {
    const WHAT: &'static str = "event status";

    fn word(self) -> &'static str {
        self.name()
    }

    fn of(word: &str) -> Option<Self> {
        Self::parse(word)
    }
}

impl Word for PaymentState {
    const WHAT: &'static str = "payment state";

    fn word(self) -> &'static str {
        self.name()
    }

    fn of(word: &str) -> Option<Self> {
        Self::parse(word)
    }
}

impl Word for PaymentStep {
    const WHAT: &'static str = "payment step";

    fn word(self) -> &'static str {
        self.name()
    }

    fn of(word: &str) -> Option<Self> {
        Self::parse(word)
    }
}

/// Reads a word of the database.
pub fn read<T: Word>(word: &str) -> Result<T, StorageError> {
    T::of(word).ok_or(StorageError::Impossible(T::WHAT))
}

/// Writes a state as its word; with [`deserialize`] for serde's `with`.
pub fn serialize<T: Word, S: Serializer>(state: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(state.word())
}

/// Reads a state by its word.
pub fn deserialize<'de, T: Word, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let word = String::deserialize(deserializer)?;
    T::of(&word).ok_or_else(|| D::Error::custom(format!("{word:?} is no {}", T::WHAT)))
}

#[cfg(test)]
mod tests {
    use super::{PaymentState, PaymentStep, Word};
    use crate::domain::{BookingState, EventStatus, ReservationState};

    fn check<T: Word>(words: &[&str]) {
        for word in words {
            assert_eq!(T::of(word).map(Word::word), Some(*word));
        }
        assert!(T::of("lost").is_none());
    }

    #[test]
    fn every_word_of_the_schema_is_read_and_written_back() {
        check::<ReservationState>(&["held", "confirmed", "cancelled", "expired"]);
        check::<BookingState>(&["pending", "confirmed", "cancelled", "expired"]);
        check::<PaymentState>(&["pending", "captured", "failed", "refunded"]);
        check::<PaymentStep>(&["charging", "refunding", "done"]);
        check::<EventStatus>(&["draft", "published", "cancelled", "completed"]);
    }
}
