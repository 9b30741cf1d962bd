//! Whose reservations, bookings and tickets are, by the rows. Judges nothing.

use std::collections::HashMap;

use uuid::Uuid;

use crate::storage::audit::Audit;

/// Whose things are.
pub struct Owners<'a> {
    reservations: HashMap<Uuid, Uuid>,
    bookings: HashMap<Uuid, Uuid>,
    tickets: HashMap<&'a str, Uuid>,
}

impl<'a> Owners<'a> {
    /// Reads it from the audit.
    pub fn read(audit: &'a Audit) -> Self {
        let tickets = audit
            .bookings
            .iter()
            .flat_map(|row| row.tickets.iter().map(move |number| (number.as_str(), row.user_id)));
        let payments = audit.payments.iter().map(|row| (row.id, row.user_id));
        Self {
            reservations: audit.reservations.iter().map(|row| (row.id, row.user_id)).collect(),
            // What is being paid for is read under the id that its booking will have.
            bookings: payments
                .chain(audit.bookings.iter().map(|row| (row.id, row.user_id)))
                .collect(),
            tickets: tickets.collect(),
        }
    }

    /// Whose reservation this is.
    pub fn of_reservation(&self, id: Uuid) -> Option<Uuid> {
        self.reservations.get(&id).copied()
    }

    /// Whose booking this is.
    pub fn of_booking(&self, id: Uuid) -> Option<Uuid> {
        self.bookings.get(&id).copied()
    }

    /// Whose ticket this is.
    pub fn of_ticket(&self, number: &str) -> Option<Uuid> {
        self.tickets.get(number).copied()
    }
}
