//! Reads the Prometheus text format, version 0.0.4; knows nothing of what is measured.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};

/// One line of it: a value, and what it is about.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

/// Reads all samples; comments and time stamps are skipped.
pub fn parse(text: &str) -> anyhow::Result<Vec<Sample>> {
    let lines = text.lines().map(str::trim);
    let samples = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    samples.map(|line| sample(line).with_context(|| format!("not a sample: {line}"))).collect()
}

fn sample(line: &str) -> anyhow::Result<Sample> {
    let name_end = line.find(['{', ' ', '\t']).context("no value")?;
    let (name, mut rest) = line.split_at(name_end);
    let mut labels = BTreeMap::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner.trim_start_matches([' ', ',']);
        while !rest.starts_with('}') {
            let (label, after) = rest.split_once("=\"").context("a label has no value")?;
            let (value, after) = quoted(after)?;
            labels.insert(label.trim().to_owned(), value);
            rest = after.trim_start_matches([' ', ',']);
        }
        rest = &rest[1..];
    }
    let value = rest.split_ascii_whitespace().next().context("no value")?;
    ensure!(!name.is_empty(), "no name");
    // Rust reads Prometheus's NaN, +Inf and -Inf as they are.
    Ok(Sample { name: name.to_owned(), labels, value: value.parse()? })
}

/// Reads up to the closing quote; returns the text without escapes, and what follows the quote.
fn quoted(text: &str) -> anyhow::Result<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => return Ok((value, &text[index + 1..])),
            '\\' => match characters.next().context("a label ends in a backslash")?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    anyhow::bail!("a label is not closed")
}

#[cfg(test)]
mod tests {
    use super::{Sample, parse};

    fn sample(name: &str, labels: &[(&str, &str)], value: f64) -> Sample {
        let labels =
            labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Sample { name: name.to_owned(), labels, value }
    }

    #[test]
    fn every_form_of_a_sample_is_read() {
        let text = "# HELP a b\n# TYPE a counter\na 1\n\nb{x=\"1\",y=\"q\\\"\\\\\\n, }\"} 2.5 1700\n\
                    c{} +Inf\nd{z=\"\", } 1e3\n";
        let expected = [
            sample("a", &[], 1.0),
            sample("b", &[("x", "1"), ("y", "q\"\\\n, }")], 2.5),
            sample("c", &[], f64::INFINITY),
            sample("d", &[("z", "")], 1000.0),
        ];
        assert_eq!(parse(text).unwrap(), expected);
    }

    #[test]
    fn rubbish_is_an_error_that_shows_the_line() {
        for line in ["a", "a{x=\"1} 2", "a{x} 1", "{} 1", "a{x=\"1\" 2", "a b", "a{x=\"\\"] {
            let error = parse(line).unwrap_err();
            assert!(
                format!("{error:#}").starts_with(&format!("not a sample: {line}")),
                "{error:#}"
            );
        }
    }
}
