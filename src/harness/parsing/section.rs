//! A table of the scenario file being read key by key: types, ranges and unknown keys, each refused at its position.
//! Knows nothing of what the keys mean.

use std::fmt::Display;
use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use serde_spanned::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Problems, unknown};

/// A table under reading. Every key asked for is thereby known; [`Section::done`] refuses all others.
pub struct Section<'a> {
    table: &'a DeTable<'a>,
    at: Range<usize>,
    problems: &'a Problems,
    known: Vec<&'static str>,
}

/// A value with its place in the file.
pub type Value<'a> = &'a Spanned<DeValue<'a>>;

impl<'a> Section<'a> {
    /// Starts reading a table that stands at `at`.
    pub fn new(table: &'a DeTable<'a>, at: Range<usize>, problems: &'a Problems) -> Self {
        Self { table, at, problems, known: Vec::new() }
    }

    /// Starts reading a value that has to be a table; `what` names it in the refusal.
    pub fn table_of(&self, value: Value<'a>, what: &str) -> Option<Self> {
        match value.get_ref() {
            DeValue::Table(table) => Some(Self::new(table, value.span(), self.problems)),
            other => {
                self.problem(
                    value.span().start,
                    format!("{what} has to be a table, not {}", kind(other)),
                );
                None
            }
        }
    }

    /// A value that has to be a string.
    pub fn text_of(&self, value: Value<'a>, what: &str) -> Option<&'a str> {
        match value.get_ref() {
            DeValue::String(text) => Some(text),
            other => {
                self.problem(
                    value.span().start,
                    format!("{what} has to be a string, not {}", kind(other)),
                );
                None
            }
        }
    }

    /// A value that has to be a whole number.
    pub fn integer_of(&self, value: Value<'a>, what: &str) -> Option<i64> {
        let DeValue::Integer(digits) = value.get_ref() else {
            let found = kind(value.get_ref());
            self.problem(
                value.span().start,
                format!("{what} has to be a whole number, not {found}"),
            );
            return None;
        };
        let number = i64::from_str_radix(digits.as_str(), digits.radix()).ok();
        if number.is_none() {
            self.problem(value.span().start, format!("{what} is too large"));
        }
        number
    }

    /// A value that has to be an array.
    pub fn array_of(&self, value: Value<'a>, what: &str) -> Option<&'a [Spanned<DeValue<'a>>]> {
        match value.get_ref() {
            DeValue::Array(items) => Some(items),
            other => {
                self.problem(
                    value.span().start,
                    format!("{what} has to be an array, not {}", kind(other)),
                );
                None
            }
        }
    }

    /// Notes a problem at a byte offset.
    pub fn problem(&self, at: usize, message: impl Into<String>) {
        self.problems.add(at, message);
    }

    /// Notes a problem with the table as a whole, at its header or opening brace.
    pub fn refuse_table(&self, message: impl Into<String>) {
        self.problems.add(self.at.start, message);
    }

    /// Notes a problem with the value of `key`, or with the table where the key is absent.
    pub fn refuse(&self, key: &str, message: impl Into<String>) {
        let at = self.table.get(key).map_or(self.at.start, |value| value.span().start);
        self.problems.add(at, message);
    }

    /// Refuses the table where one of these keys is missing.
    pub fn need(&self, keys: &[&str]) {
        for key in keys.iter().filter(|key| !self.table.contains_key(**key)) {
            self.problems.add(self.at.start, format!("missing key \"{key}\""));
        }
    }

    /// Whether the key is given.
    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// The raw value.
    pub fn value(&mut self, key: &'static str) -> Option<Value<'a>> {
        self.known.push(key);
        self.table.get(key)
    }

    /// A string that is not empty.
    pub fn text(&mut self, key: &'static str) -> Option<&'a str> {
        let value = self.value(key)?;
        let text = self.text_of(value, &format!("\"{key}\""))?;
        if text.trim().is_empty() {
            self.refuse(key, format!("\"{key}\" is empty"));
            return None;
        }
        Some(text)
    }

    /// A string that is one of `valid`; `what` names such a thing in the refusal.
    pub fn choice(&mut self, key: &'static str, what: &str, valid: &[&str]) -> Option<&'a str> {
        let word = self.text(key)?;
        if valid.contains(&word) {
            return Some(word);
        }
        self.refuse(key, unknown(what, word, valid));
        None
    }

    /// A whole number within `range`.
    pub fn integer<T>(&mut self, key: &'static str, range: RangeInclusive<T>) -> Option<T>
    where
        T: TryFrom<i64> + PartialOrd + Display,
    {
        let value = self.value(key)?;
        let number = self.integer_of(value, &format!("\"{key}\""))?;
        self.within(key, T::try_from(number).ok(), &range)
    }

    /// A number within `range`.
    pub fn number(&mut self, key: &'static str, range: RangeInclusive<f64>) -> Option<f64> {
        let value = self.value(key)?;
        let parsed = match value.get_ref() {
            DeValue::Integer(digits) => digits.to_string().parse::<f64>().ok(),
            DeValue::Float(digits) => digits.as_str().parse().ok(),
            other => {
                self.refuse(key, format!("\"{key}\" has to be a number, not {}", kind(other)));
                return None;
            }
        };
        self.within(key, parsed, &range)
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, key: &'static str) -> Option<bool> {
        match self.value(key)?.get_ref() {
            DeValue::Boolean(value) => Some(*value),
            other => {
                let found = kind(other);
                self.refuse(key, format!("\"{key}\" has to be true or false, not {found}"));
                None
            }
        }
    }

    /// A duration such as `"500ms"`, `"30s"` or `"2m"`, within `range`.
    pub fn duration(
        &mut self,
        key: &'static str,
        range: RangeInclusive<Duration>,
    ) -> Option<Duration> {
        let value = self.value(key)?;
        let DeValue::String(text) = value.get_ref() else {
            let found = kind(value.get_ref());
            self.refuse(key, format!("\"{key}\" has to be a duration such as \"500ms\", \"30s\" or \"2m\", not {found}"));
            return None;
        };
        let Ok(duration) = humantime::parse_duration(text) else {
            self.refuse(
                key,
                format!("\"{text}\" is no duration; write it as \"500ms\", \"30s\" or \"2m\""),
            );
            return None;
        };
        if range.contains(&duration) {
            return Some(duration);
        }
        let [low, high] = [range.start(), range.end()].map(|end| humantime::format_duration(*end));
        self.refuse(key, format!("\"{key}\" has to be between {low} and {high}, not {text}"));
        None
    }

    /// The items of an array.
    pub fn array(&mut self, key: &'static str) -> Option<&'a [Spanned<DeValue<'a>>]> {
        let value = self.value(key)?;
        self.array_of(value, &format!("\"{key}\""))
    }

    /// The tables of an array of tables, in file order; none where the key is absent.
    pub fn tables(&mut self, key: &'static str) -> Vec<Section<'a>> {
        let what = format!("an item of \"{key}\"");
        self.array(key)
            .unwrap_or_default()
            .iter()
            .filter_map(|item| self.table_of(item, &what))
            .collect()
    }

    /// The table at `key`.
    pub fn table(&mut self, key: &'static str) -> Option<Section<'a>> {
        let value = self.value(key)?;
        self.table_of(value, &format!("\"{key}\""))
    }

    /// Keys and values in file order, all thereby known: for tables whose keys are names.
    pub fn entries(&self) -> Vec<(Spanned<&'a str>, Value<'a>)> {
        let mut entries: Vec<_> = self
            .table
            .iter()
            .map(|(key, value)| (Spanned::new(key.span(), key.get_ref().as_ref()), value))
            .collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        entries
    }

    /// Refuses every key that was not asked for.
    pub fn done(self) {
        let mut keys: Vec<_> =
            self.table.keys().filter(|key| !self.known.contains(&key.get_ref().as_ref())).collect();
        keys.sort_by_key(|key| key.span().start);
        for key in keys {
            self.problems.add(key.span().start, unknown("key", key.get_ref(), &self.known));
        }
    }

    fn within<T: PartialOrd + Display>(
        &self,
        key: &str,
        number: Option<T>,
        range: &RangeInclusive<T>,
    ) -> Option<T> {
        let found = number.filter(|number| range.contains(number));
        if found.is_none() {
            self.refuse(
                key,
                format!("\"{key}\" has to be between {} and {}", range.start(), range.end()),
            );
        }
        found
    }
}

/// What a value is, for a refusal.
fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}
