//! Bookings: the sale itself, with a reference to quote and one ticket a seat.

use time::OffsetDateTime;

use super::{BookingId, Cents, EventId, ReservationId, SeatId, UserId};

/// Crockford's base 32: no I, L, O or U to misread over the telephone.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A sale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booking {
    pub id: BookingId,
    /// What its owner quotes.
    pub reference: Reference,
    /// The reservation it was made from.
    pub reservation: ReservationId,
    pub event: EventId,
    /// Its owner.
    pub user: UserId,
    /// Where it stands.
    pub state: BookingState,
    /// What was paid.
    pub total: Cents,
    /// When its payment was started, by the database's clock.
    pub created_at: OffsetDateTime,
    /// When it was cancelled.
    pub cancelled_at: Option<OffsetDateTime>,
    /// One a seat, in seat order.
    pub tickets: Vec<Ticket>,
}

/// One seat of a booking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    pub seat: SeatId,
    /// What lets its bearer in.
    pub number: TicketNumber,
}

/// Ten characters that a customer quotes: unique, and known to be read aloud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference(String);

impl Reference {
    /// The reference of the booking with this id: 50 of its random bits.
    pub fn of_booking(id: BookingId) -> Self {
        Self(base32(u128::from(id.0.as_u64_pair().1), 10))
    }

    /// One read from storage.
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// One as a customer reads it out or types it: case doesn't matter, nor do letters that look like digits. `None` where it can't
    /// be a reference. Source: Crockford's base 32, section "Decoding".
    pub fn parse(text: &str) -> Option<Self> {
        let read = |letter: char| match letter.to_ascii_uppercase() {
            'O' => Some('0'),
            'I' | 'L' => Some('1'),
            letter => ALPHABET.contains(&u8::try_from(letter).ok()?).then_some(letter),
        };
        text.chars().map(read).collect::<Option<String>>().map(Self)
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What lets its bearer in: 125 random bits, so it cannot be guessed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketNumber(String);

impl TicketNumber {
    /// The ticket number of 125 random bits.
    pub fn from_random(bits: u128) -> Self {
        Self(base32(bits, 25))
    }

    /// One read from storage.
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where a booking stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BookingState {
    /// Started, not paid.
    Pending,
    /// Paid; its seats are sold.
    Confirmed,
    /// Its seats are free again, and its payment is refunded or about to be.
    Cancelled,
    /// Never paid in time.
    Expired,
}

impl BookingState {
    /// The word in the database and in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Confirmed => "confirmed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    /// The state of this word, if it is one.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Pending, Self::Confirmed, Self::Cancelled, Self::Expired]
            .into_iter()
            .find(|state| state.name() == name)
    }
}

fn base32(bits: u128, characters: u32) -> String {
    (0..characters)
        .map(|place| char::from(ALPHABET[usize::from((bits >> (place * 5)).to_le_bytes()[0] & 31)]))
        .collect()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{BookingId, BookingState, Reference, TicketNumber};

    #[test]
    fn references_and_tickets_have_their_length_and_use_every_bit() {
        let reference = |bits| Reference::of_booking(BookingId(Uuid::from_u128(bits)));
        assert_eq!(reference(0).as_str(), "0000000000");
        assert_eq!(reference(u128::MAX).as_str(), "ZZZZZZZZZZ");
        assert_eq!(TicketNumber::from_random(u128::MAX).as_str().len(), 25);
        assert_ne!(TicketNumber::from_random(1 << 124), TicketNumber::from_random(0));
    }

    #[test]
    fn a_reference_is_understood_as_it_is_read_out() {
        let parsed = |text| Reference::parse(text).map(|reference| reference.as_str().to_owned());
        assert_eq!(parsed("7kq2m9xzab").as_deref(), Some("7KQ2M9XZAB"));
        assert_eq!(parsed("oIl0").as_deref(), Some("0110"));
        for wrong in ["U", "A-B", "A B", "\u{e9}", "'"] {
            assert_eq!(parsed(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn every_state_is_read_back_from_its_name() {
        for state in ["pending", "confirmed", "cancelled", "expired"] {
            assert_eq!(BookingState::parse(state).map(BookingState::name), Some(state));
        }
        assert_eq!(BookingState::parse("held"), None);
    }
}
