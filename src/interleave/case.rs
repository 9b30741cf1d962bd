//! What is asked for at the same time, and what stands before: the cases whose orders are run.

/// A request, or a job's round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// A buyer holds two seats.
    Hold,
    /// The owner of a hold pays for it.
    Confirm,
    /// The hold's time passes, then the job that expires holds comes round.
    Expire,
    /// The owner of a hold gives it up.
    Cancel,
    /// The owner of a booking cancels it.
    CancelBooking,
    /// The owner of a hold extends it.
    Extend,
    /// The event is cancelled.
    CancelEvent,
}

impl Operation {
    /// Every one, in the order of names.
    pub const ALL: [Self; 7] = [
        Self::Hold,
        Self::Confirm,
        Self::Expire,
        Self::Cancel,
        Self::CancelBooking,
        Self::Extend,
        Self::CancelEvent,
    ];

    /// As flags write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::Confirm => "confirm",
            Self::Expire => "expire",
            Self::Cancel => "cancel",
            Self::CancelBooking => "cancel-booking",
            Self::Extend => "extend",
            Self::CancelEvent => "cancel-event",
        }
    }

    /// One line for help.
    pub fn summary(self) -> &'static str {
        match self {
            Self::Hold => "a buyer holds two seats, of which others have or want one",
            Self::Confirm => "the owner of a hold pays for it",
            Self::Expire => "the time of all holds passes, then the job expire-holds comes round",
            Self::Cancel => "the owner of a hold gives it up",
            Self::CancelBooking => "the owner of a booking cancels it",
            Self::Extend => "the owner of a hold extends it",
            Self::CancelEvent => {
                "the event is cancelled, then the job refund-cancelled comes round"
            }
        }
    }

    /// Whether it is about a hold that stands before.
    fn needs_hold(self) -> bool {
        match self {
            Self::Confirm | Self::Expire | Self::Cancel | Self::Extend => true,
            Self::Hold | Self::CancelBooking | Self::CancelEvent => false,
        }
    }

    /// Whether it carries an idempotency key.
    fn is_keyed(self) -> bool {
        matches!(self, Self::Hold | Self::Confirm)
    }
}

/// Whose keys the requests of a case carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// Each its own.
    Own,
    /// The first two are copies of one request: same user, same key.
    Shared,
}

/// Operations that are under way at the same time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// The operations, one a session.
    pub operations: Vec<Operation>,
    /// Their keys.
    pub keys: Keys,
}

impl Case {
    /// Every case of this many sessions among these operations: each set of them, with repetitions, and once more with one
    /// key where two are alike and carry one.
    pub fn all(among: &[Operation], sessions: usize) -> Vec<Self> {
        let mut cases = Vec::new();
        for operations in multisets(among, sessions) {
            let own = Self { operations, keys: Keys::Own };
            // The time passes once, and the event is cancelled once.
            let twice =
                |operation| own.operations.iter().filter(|each| **each == operation).count() > 1;
            if twice(Operation::Expire) {
                continue;
            }
            let copies = own.operations.windows(2).any(|two| two[0] == two[1] && two[0].is_keyed());
            cases.push(own.clone());
            if copies {
                cases.push(own.with_shared_key());
            }
        }
        cases
    }

    /// The copies come first.
    fn with_shared_key(mut self) -> Self {
        if let Some(at) =
            self.operations.windows(2).position(|two| two[0] == two[1] && two[0].is_keyed())
        {
            self.operations.rotate_left(at);
        }
        self.keys = Keys::Shared;
        self
    }

    /// `hold + cancel`.
    pub fn name(&self) -> String {
        let names: Vec<&str> = self.operations.iter().map(|operation| operation.name()).collect();
        match self.keys {
            Keys::Own => names.join(" + "),
            Keys::Shared => format!("{} (same key)", names.join(" + ")),
        }
    }

    /// Whether a hold stands before.
    pub fn needs_hold(&self) -> bool {
        self.operations.iter().any(|operation| operation.needs_hold())
    }

    /// Whether a booking stands before.
    pub fn needs_booking(&self) -> bool {
        self.has(Operation::CancelBooking)
    }

    /// Whether the operation is one of them.
    pub fn has(&self, operation: Operation) -> bool {
        self.operations.contains(&operation)
    }
}

/// Every multiset of this size, in the order of the list.
fn multisets(among: &[Operation], size: usize) -> Vec<Vec<Operation>> {
    if size == 0 {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (at, first) in among.iter().enumerate() {
        for rest in multisets(&among[at..], size - 1) {
            all.push(std::iter::once(*first).chain(rest).collect());
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_and_triple_is_a_case_and_copies_are_cases_of_their_own() {
        let pairs = Case::all(&Operation::ALL, 2);
        // 7 * 8 / 2 pairs, without expire twice, and two of copies.
        assert_eq!(pairs.len(), 28 - 1 + 2);
        let names: Vec<String> = pairs.iter().map(Case::name).collect();
        assert_eq!(names[0], "hold + hold");
        assert_eq!(names[1], "hold + hold (same key)");
        assert!(names.contains(&"cancel-booking + cancel-event".to_owned()));
        let triples = Case::all(&[Operation::Hold, Operation::Confirm], 3);
        let names: Vec<String> = triples.iter().map(Case::name).collect();
        assert_eq!(
            names,
            [
                "hold + hold + hold",
                "hold + hold + hold (same key)",
                "hold + hold + confirm",
                "hold + hold + confirm (same key)",
                "hold + confirm + confirm",
                "confirm + confirm + hold (same key)",
                "confirm + confirm + confirm",
                "confirm + confirm + confirm (same key)"
            ]
        );
    }
}
