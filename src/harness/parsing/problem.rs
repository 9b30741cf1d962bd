//! What is wrong with a scenario file and where. Knows nothing of what belongs into one.

use std::cell::RefCell;
use std::fmt;
use std::path::{Path, PathBuf};

/// Why a scenario cannot be run. Displayed as one line a problem, in file order: `FILE:LINE:COLUMN: message`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub struct ScenarioError {
    /// The file, as it was named.
    pub path: PathBuf,
    /// At least one.
    pub problems: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Line and column, both from 1, columns counted in characters; absent where the file could not be read at all.
    pub position: Option<(usize, usize)>,
    /// What is wrong and what to write instead.
    pub message: String,
}

impl ScenarioError {
    /// The file as a whole cannot be used.
    pub fn unreadable(path: &Path, cause: &dyn fmt::Display) -> Self {
        let message = format!("cannot be read: {cause}; give the path of a scenario file");
        Self { path: path.to_owned(), problems: vec![Problem { position: None, message }] }
    }
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{}", self.path.display())?;
            if let Some((line, column)) = problem.position {
                write!(f, ":{line}:{column}")?;
            }
            write!(f, ": {}", problem.message)?;
        }
        Ok(())
    }
}

/// Collects what is wrong while a file is read, so that one run of `chaos validate` shows all of it.
#[derive(Debug, Default)]
pub struct Problems(RefCell<Vec<(usize, String)>>);

impl Problems {
    /// Notes a problem at a byte offset.
    pub fn add(&self, at: usize, message: impl Into<String>) {
        self.0.borrow_mut().push((at, message.into()));
    }

    /// Whether nothing was noted so far.
    pub fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// How many were noted so far.
    pub fn count(&self) -> usize {
        self.0.borrow().len()
    }

    /// The error to report, once everything was read.
    pub fn into_result(self, path: &Path, text: &str) -> Result<(), ScenarioError> {
        let mut found = self.0.into_inner();
        found.sort();
        found.dedup();
        let problems: Vec<_> = found
            .into_iter()
            .map(|(at, message)| Problem { position: Some(position(text, at)), message })
            .collect();
        if problems.is_empty() {
            Ok(())
        } else {
            Err(ScenarioError { path: path.to_owned(), problems })
        }
    }
}

/// Line and column of a byte offset, both from 1.
fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// `unknown WHAT "WORD"` with the nearest valid name, where one is near, and all of them.
pub fn unknown(what: &str, word: &str, valid: &[&str]) -> String {
    let near = valid
        .iter()
        .map(|name| (strsim::jaro_winkler(&word.to_lowercase(), &name.to_lowercase()), *name))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let hint = near.map_or_else(String::new, |(_, name)| format!("; did you mean \"{name}\"?"));
    let list = if valid.is_empty() { "none".to_owned() } else { valid.join(", ") };
    let separator = if near.is_some() { "" } else { ";" };
    format!("unknown {what} \"{word}\"{hint}{separator} valid names: {list}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_not_bytes() {
        let text = "a = 1\nö = \"é\" x";
        assert_eq!(position(text, text.find('x').unwrap()), (2, 9));
        assert_eq!(position(text, 0), (1, 1));
        assert_eq!(position(text, text.len() + 7), (2, 10));
    }

    #[test]
    fn a_far_fetched_name_gets_no_hint() {
        assert_eq!(
            unknown("fault", "latncy", &["kill", "latency"]),
            "unknown fault \"latncy\"; did you mean \"latency\"? valid names: kill, latency"
        );
        assert_eq!(
            unknown("fault", "zzz", &["kill", "latency"]),
            "unknown fault \"zzz\"; valid names: kill, latency"
        );
    }
}
