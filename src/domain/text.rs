//! Text that people wrote: bounded, and without the characters that no title has.

/// Up to `MAX` characters, trimmed, without control characters other than line ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text<const MAX: usize>(String);

/// Text that is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing but white space.
    #[error("write something here")]
    Empty,
    /// Longer than allowed.
    #[error("write at most {0} characters")]
    TooLong(usize),
    /// A NUL, an escape or the like.
    #[error("control characters are not allowed")]
    Control,
}

impl<const MAX: usize> Text<MAX> {
    /// Refuses the empty, the over-long and control characters.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        let text = Self::parse_optional(text)?;
        if text.0.is_empty() { Err(TextError::Empty) } else { Ok(text) }
    }

    /// The same, and nothing is allowed, too.
    pub fn parse_optional(text: &str) -> Result<Self, TextError> {
        let trimmed = text.trim();
        if trimmed.chars().count() > MAX {
            return Err(TextError::TooLong(MAX));
        }
        if trimmed.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            return Err(TextError::Control);
        }
        Ok(Self(trimmed.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::{Text, TextError};

    #[test]
    fn text_is_trimmed_bounded_and_printable() {
        assert_eq!(Text::<5>::parse("  né\n ").unwrap().as_str(), "né");
        assert_eq!(Text::<5>::parse("    "), Err(TextError::Empty));
        assert_eq!(Text::<5>::parse("sixsix"), Err(TextError::TooLong(5)));
        assert_eq!(Text::<5>::parse("a\0b"), Err(TextError::Control));
        assert_eq!(Text::<5>::parse_optional("").unwrap().as_str(), "");
    }
}
