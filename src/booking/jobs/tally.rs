//! What a round of a job came to, or would: counts with words.

/// The counts of a round.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally(pub Vec<Count>);

/// One count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Its key in JSON.
    pub key: &'static str,
    /// How many.
    pub number: u64,
    /// What they are, after a round: "holds expired".
    pub done: &'static str,
    /// What they are, before one: "holds to expire".
    pub due: &'static str,
}
