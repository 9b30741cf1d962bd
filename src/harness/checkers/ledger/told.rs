//! What buyers were told of their payments: a total that was told is the total that was charged, and who was told that a card
//! was declined paid nothing under that key and has nothing of it.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

use super::Violations;
use super::account::{Account, cents};
use crate::domain::BookingState;
use crate::harness::recorder::{Operation, Outcome};
use crate::harness::summary::Violation;
use crate::storage::audit::Audit;
use crate::wire::Reason;

/// A violation is an answer.
pub fn check(
    history: &[Operation],
    audit: &Audit,
    accounts: &BTreeMap<Uuid, Account>,
    violations: &mut Violations,
) {
    let paid = Paid::read(audit, accounts);
    for op in history.iter().filter(|op| op.op.sells()) {
        let wrong = match (op.end(), op.known_reason()) {
            (Outcome::Ok, _) => paid.other_than_told(op),
            (Outcome::Fail, Some(Reason::PaymentDeclined)) => paid.though_declined(op),
            (Outcome::Fail | Outcome::Info, _) => None,
        };
        if let Some((kind, text)) = wrong {
            let violation = Violation {
                seats: op.seats.clone(),
                reservations: op.reservation.into_iter().collect(),
                bookings: op.booking.into_iter().collect(),
                users: vec![op.user],
                keys: op.key.clone().into_iter().collect(),
                ..Violation::new(kind, format!("buyer {} {text}", op.user))
            };
            violations.add(2, violation);
        }
    }
}

type Wrong = (&'static str, String);

/// What was paid, and for what.
struct Paid<'a> {
    /// Cents of every payment that was charged once, by reservation.
    taken: HashMap<Uuid, Vec<i64>>,
    /// Cents that were kept, by buyer and key.
    kept: HashMap<(Uuid, &'a str), i64>,
    /// Confirmed bookings, by buyer and key.
    booked: HashMap<(Uuid, &'a str), Uuid>,
}

impl<'a> Paid<'a> {
    fn read(audit: &'a Audit, accounts: &BTreeMap<Uuid, Account>) -> Self {
        let (mut taken, mut kept) = (HashMap::<_, Vec<i64>>::new(), HashMap::new());
        for row in &audit.payments {
            let Some(account) = accounts.get(&row.id) else { continue };
            if account.charges == 1 {
                taken.entry(row.reservation_id).or_default().push(account.taken_cents);
            }
            *kept.entry((row.user_id, row.idempotency_key.as_str())).or_default() +=
                account.kept_cents();
        }
        let confirmed = audit.bookings.iter().filter(|row| row.state == BookingState::Confirmed);
        let booked =
            confirmed.map(|row| ((row.user_id, row.idempotency_key.as_str()), row.id)).collect();
        Self { taken, kept, booked }
    }

    fn other_than_told(&self, op: &Operation) -> Option<Wrong> {
        let told = op.told.first()?.total_cents;
        let taken = self.taken.get(&op.reservation?)?;
        let text = || {
            let charges: Vec<String> = taken.iter().map(|amount| cents(*amount)).collect();
            format!("was told of {} and charged [{}]", cents(told), charges.join(", "))
        };
        (!taken.contains(&told)).then(|| ("told_other_total", text()))
    }

    fn though_declined(&self, op: &Operation) -> Option<Wrong> {
        let key = (op.user, op.key.as_deref()?);
        let kept = self.kept.get(&key).copied().unwrap_or_default();
        if kept != 0 {
            let text =
                format!("was told that the card was declined, and {} were kept", cents(kept));
            return Some(("charged_though_declined", text));
        }
        let booking = self.booked.get(&key)?;
        let text = format!("was told that the card was declined, and has booking {booking}");
        Some(("booked_though_declined", text))
    }
}
