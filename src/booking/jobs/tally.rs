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
    /// What one of them is: "hold".
    pub noun: &'static str,
    /// What became of them in a round: "expired".
    pub done: &'static str,
    /// What would: "to expire". Nothing, where that isn't known before.
    pub due: Option<&'static str>,
}
