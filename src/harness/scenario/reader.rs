//! What a scenario file is read with that does not stand in it: names the harness cannot know by itself, and what the
//! command line says instead.

/// What a file's tables are read with.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    /// Names from elsewhere.
    pub known: &'a Known<'a>,
    /// What the command line says instead.
    pub overrides: &'a Overrides,
}

/// Names that the harness cannot know by itself.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Booking strategies that the servers offer.
    pub strategies: &'a [&'a str],
}

/// What the command line says instead of the file.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--strategy`.
    pub strategy: Option<String>,
    /// `--seed`.
    pub seed: Option<u64>,
    /// `--instances`.
    pub instances: Option<u32>,
    /// Which form of the scenario is run.
    pub form: Form,
}

/// The forms of a scenario.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Form {
    /// As written.
    #[default]
    Full,
    /// With its `[quick]` table laid over it.
    Quick,
}
