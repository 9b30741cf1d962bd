//! `access`: everybody does and sees what is theirs, and nobody else does; and a ticket lets one visitor in, once. Judges from what
//! was asked and answered, and from whose the rows are.
//!
//! A reservation is its owner's alone to pay for, extend and give up. A booking may be cancelled, and all of it read, by an admin,
//! too. Only an admin changes events and lets visitors in: no organizer owns one of a run's events.

/// Whose things are.
mod owners;
/// Tickets let in once each.
mod check_ins;

use uuid::Uuid;

use super::violations::{Violations, of_request};
use super::{Checker, Evidence, Undeclared};
use crate::domain::counted;
use crate::harness::plan::EvidenceKind;
use crate::harness::recorder::{OpKind, Operation, Outcome, Role, Told};
use crate::harness::summary::CheckResult;
use crate::wire::Reason;

use owners::Owners;

/// The checker.
#[derive(Debug)]
pub struct Access;

impl Checker for Access {
    fn name(&self) -> &'static str {
        "access"
    }

    fn summary(&self) -> &'static str {
        "nobody does or sees what is another's, everybody what is theirs, and a ticket lets in once"
    }

    fn needs(&self) -> &'static [EvidenceKind] {
        &[EvidenceKind::History, EvidenceKind::Audit]
    }

    /// A violation is a request.
    fn check(&self, evidence: &Evidence<'_>) -> Result<CheckResult, Undeclared> {
        let (history, audit) = (evidence.history()?, evidence.audit()?);
        let owners = Owners::read(audit);
        let mut violations = Violations::default();
        let mut tally = Tally::default();
        for op in history {
            let Some(wanted) = Wanted::of(op, &owners) else { continue };
            tally.count(op, &wanted);
            if let Some((kind, text)) = what_is_wrong(op, &wanted, &owners) {
                violations.add(1, of_request(op, kind, &text));
            }
        }
        let check_ins = check_ins::check(history, audit, &mut violations);
        if evidence.is_whole() {
            check_ins::check_asked_for(history, audit, &mut violations);
        }
        let nothing = "nobody asked for anything that is somebody's";
        Ok(violations.result(self.name(), tally.asked, nothing, || {
            format!(
                "{}, {} of them for what is another's and refused; {}",
                counted(tally.asked, "request"),
                tally.of_others,
                counted(check_ins, "check-in")
            )
        }))
    }
}

/// What was asked for, and who may have it.
struct Wanted {
    /// Whose it is; none where it is nobody's, such as an event.
    owner: Option<Uuid>,
    /// Whether it is the asker's to ask for.
    allowed: bool,
}

impl Wanted {
    /// None where anybody may ask, or where nobody knows whose it is.
    fn of(op: &Operation, owners: &Owners<'_>) -> Option<Self> {
        let is_admin = op.role == Role::Admin;
        let (owner, admits_admins) = match op.op {
            OpKind::CheckIn | OpKind::CancelEvent | OpKind::EditEvent | OpKind::DeleteEvent => {
                return Some(Self { owner: None, allowed: is_admin });
            }
            OpKind::Confirm | OpKind::Extend | OpKind::Cancel => {
                (owners.of_reservation(op.reservation?)?, false)
            }
            OpKind::CancelBooking => (owners.of_booking(op.booking?)?, true),
            OpKind::ReadReservation => (owners.of_reservation(op.reservation?)?, true),
            OpKind::ReadBooking => {
                let told = || op.told.first().and_then(|told| told.booking);
                (owners.of_booking(op.booking.or_else(told)?)?, true)
            }
            OpKind::ReadTicket => (owners.of_ticket(op.ticket.as_deref()?)?, true),
            OpKind::ListReservations | OpKind::ListBookings => (op.list_of?, true),
            // A key is its user's: nobody can even ask for another's.
            OpKind::ReadKey => (op.user, false),
            OpKind::Hold | OpKind::Book | OpKind::ReadAvailability | OpKind::ReadSeats => {
                return None;
            }
        };
        let allowed = owner == op.user || (admits_admins && is_admin);
        Some(Self { owner: Some(owner), allowed })
    }
}

type Wrong = (&'static str, String);

fn what_is_wrong(op: &Operation, wanted: &Wanted, owners: &Owners<'_>) -> Option<Wrong> {
    let what = op.op.name();
    let whose = wanted.owner.map_or(String::new(), |owner| format!(" of what is buyer {owner}'s"));
    match (op.end(), op.known_reason()) {
        (Outcome::Ok, _) if !wanted.allowed => {
            Some(("not_allowed", format!("was allowed a {what}{whose}")))
        }
        (Outcome::Ok, _) if op.role != Role::Admin => {
            let is_anothers = |told: &&Told| {
                let of_row = owners.of_reservation(told.reservation).unwrap_or(told.user);
                of_row != op.user || told.user != op.user
            };
            let told = op.told.iter().find(is_anothers)?;
            let text = format!(
                "was told by a {what} of reservation {}, which is buyer {}'s",
                told.reservation,
                owners.of_reservation(told.reservation).unwrap_or(told.user)
            );
            Some(("told_of_anothers", text))
        }
        (Outcome::Fail, Some(reason @ (Reason::NotOwner | Reason::Role | Reason::NotFound)))
            if wanted.allowed && wanted.owner.is_some_and(|owner| owner == op.user) =>
        {
            // A key may be of a request that never arrived.
            let is_there = op.op != OpKind::ReadKey;
            let text = format!("was refused a {what} of what is their own: {}", reason.name());
            is_there.then_some(("refused_own", text))
        }
        _ => None,
    }
}

/// What was judged.
#[derive(Debug, Default)]
struct Tally {
    /// Answered requests for what is somebody's.
    asked: u64,
    /// Those for what is another's.
    of_others: u64,
}

impl Tally {
    fn count(&mut self, op: &Operation, wanted: &Wanted) {
        if op.end() != Outcome::Info {
            self.asked += 1;
            self.of_others += u64::from(!wanted.allowed);
        }
    }
}

#[cfg(test)]
mod tests;
