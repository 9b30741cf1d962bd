//! Evidence made by hand, for tests of the checkers. The pieces fit each other: what a test breaks is all that is broken.

use std::collections::BTreeMap;
use std::time::Duration;

use time::OffsetDateTime;
use uuid::Uuid;

use super::Collected;
use crate::domain::{BookingState, EventStatus, ReservationState};
use crate::harness::plan::{GeneratorLimits, Inventory, Payments, Plan, Target};
use crate::harness::recorder::Operation;
use crate::harness::recorder::fixtures::{
    PRICE_CENTS, TTL_US, booking, confirm, ends_at, event, hold, reservation, user,
};
use crate::storage::audit::{
    Audit, BookingRow, EventRow, PaymentRow, PaymentState, PaymentStep, ReservationRow, SeatRow,
};
use crate::wire::{Admission, PaymentCall, PaymentCallKind, PaymentCallOutcome};

/// A run made by hand.
pub struct Case {
    pub plan: Plan,
    pub history: Vec<Operation>,
    pub audit: Audit,
    pub ledger: Vec<PaymentCall>,
}

impl Case {
    /// 2,000 seats, and nothing happened.
    pub fn new() -> Self {
        let target =
            Target { strategy: String::new(), instances: 1, redis_nodes: 1, env: BTreeMap::new() };
        let plan = Plan {
            title: String::new(),
            name: String::new(),
            seed: 1,
            target,
            inventory: Inventory {
                events: 1,
                admission: Admission::Seated,
                seats: 2_000,
                tickets_per_user: None,
                price_cents: vec![PRICE_CENTS],
                hold_ttl: Duration::from_secs(30),
            },
            payments: Payments::default(),
            generator: GeneratorLimits { max_dropped: 0, max_lag_p99: Duration::from_secs(1) },
            checkers: Vec::new(),
            loads: Vec::new(),
            background: Vec::new(),
            faults: Vec::new(),
            thresholds: Vec::new(),
            sometimes: Vec::new(),
        };
        let audit = Audit {
            taken_at: ends_at(),
            seats_count: 2_000,
            seats_sold: 0,
            findings: Vec::new(),
            bookings: Vec::new(),
            reservations: Vec::new(),
            payments: Vec::new(),
            events: vec![EventRow {
                id: event(),
                status: EventStatus::Published,
                tickets_per_user_max: None,
                cancelled_at: None,
            }],
            seats: (1..=2_000).map(free_seat).collect(),
        };
        Self { plan, history: Vec::new(), audit, ledger: Vec::new() }
    }

    /// Twenty buyers hold two seats each, one after the other, and pay for them.
    pub fn honest_sale() -> Self {
        let mut case = Self::new();
        for number in 0..20_u64 {
            let first = i64::try_from(number).unwrap() * 2 + 1;
            let began = number * 10_000;
            let held = hold(user(number), &[first, first + 1], began..began + 4_000);
            case.sell(number, user(number), &[first, first + 1]);
            let sale = case.audit.bookings.last_mut().unwrap();
            sale.reservation_id = held.reservation.unwrap();
            case.audit.reservations.last_mut().unwrap().id = sale.reservation_id;
            case.audit.payments.last_mut().unwrap().reservation_id = sale.reservation_id;
            for row in case.audit.seats.iter_mut().filter(|row| sale.seat_ids.contains(&row.id)) {
                row.reservation_id = Some(sale.reservation_id);
            }
            case.history.push(held.clone());
            case.history.push(confirm(&held, booking(number), began + 5_000..began + 9_000));
        }
        case
    }

    /// A sale in the database and at the provider, under the number's booking and reservation and the keys that the
    /// operations of the recorder's fixtures have for this user.
    pub fn sell(&mut self, number: u64, user: Uuid, seats: &[i64]) {
        let total_cents = PRICE_CENTS * i64::try_from(seats.len()).unwrap();
        self.audit.reservations.push(ReservationRow {
            id: reservation(number),
            event_id: event(),
            user_id: user,
            state: ReservationState::Confirmed,
            seat_ids: seats.to_vec(),
            total_cents,
            expires_at: ends_at(),
            created_at: began_at(),
            claimed_at: Some(began_at() + BRIEFLY),
            extended_at: None,
            ended_at: Some(began_at() + BRIEFLY * 3),
            idempotency_key: format!("hold-{user}"),
        });
        self.audit.bookings.push(BookingRow {
            id: booking(number),
            reference: format!("REF{number}"),
            reservation_id: reservation(number),
            event_id: event(),
            user_id: user,
            state: BookingState::Confirmed,
            total_cents,
            seat_ids: seats.to_vec(),
            tickets: seats.iter().map(i64::to_string).collect(),
            ticket_cents: vec![PRICE_CENTS; seats.len()],
            used: Vec::new(),
            created_at: began_at() + BRIEFLY * 2,
            cancelled_at: None,
            idempotency_key: format!("confirm-{user}"),
        });
        self.audit.payments.push(PaymentRow {
            id: payment(number),
            reservation_id: reservation(number),
            user_id: user,
            created_at: began_at() + BRIEFLY * 2,
            state: PaymentState::Captured,
            step: PaymentStep::Done,
            amount_cents: total_cents,
            idempotency_key: format!("confirm-{user}"),
        });
        self.ledger.push(charge(payment(number), total_cents));
        for row in self.audit.seats.iter_mut().filter(|row| seats.contains(&row.id)) {
            row.reservation_id = Some(reservation(number));
            row.held_until = Some(ends_at());
            row.booking_id = Some(booking(number));
        }
        self.audit.seats_sold += i64::try_from(seats.len()).unwrap();
    }

    /// All of it, as a run collects it.
    pub fn collected(&self) -> Collected<'_> {
        Collected {
            plan: &self.plan,
            history: &self.history,
            audit: Some(&self.audit),
            ledger: Some(&self.ledger),
            aborted: 0,
        }
    }
}

/// Some time, short enough for a hold.
const BRIEFLY: Duration = Duration::from_millis(1);

/// When every hold made here was asked for, database time.
pub fn began_at() -> OffsetDateTime {
    ends_at() - Duration::from_micros(TTL_US)
}

fn free_seat(id: i64) -> SeatRow {
    SeatRow {
        id,
        event_id: event(),
        price_cents: PRICE_CENTS,
        reservation_id: None,
        held_until: None,
        booking_id: None,
    }
}

/// A charge that took the money.
pub fn charge(payment_id: Uuid, amount_cents: i64) -> PaymentCall {
    PaymentCall {
        at: began_at() + BRIEFLY * 2,
        server: "server-1".to_owned(),
        kind: PaymentCallKind::Charge,
        payment_id,
        key: payment_id,
        amount_cents,
        outcome: PaymentCallOutcome::Executed,
    }
}

/// A refund of all that this charge took.
pub fn refund(charge: &PaymentCall) -> PaymentCall {
    PaymentCall { kind: PaymentCallKind::Refund, ..charge.clone() }
}

/// The payment of this number.
pub fn payment(number: u64) -> Uuid {
    Uuid::from_u64_pair(5, number)
}
