//! Text that people wrote: bounded, and without the characters that nobody sees. One rule for all texts.

use std::ops::RangeInclusive;

/// Characters without a look of their own that turn, part or join what stands beside them, so that one text looks like
/// another. The joiners U+200C and U+200D are none of them: Persian, Hindi and families of emoji need them. Source:
/// Unicode's `Bidi_Control`, and what is `Default_Ignorable_Code_Point` and no variation selector.
const UNSEEN: [RangeInclusive<char>; 16] = [
    // Soft hyphen, and the combining grapheme joiner.
    '\u{ad}'..='\u{ad}',
    '\u{34f}'..='\u{34f}',
    // A direction.
    '\u{61c}'..='\u{61c}',
    // Fillers.
    '\u{115f}'..='\u{1160}',
    '\u{17b4}'..='\u{17b5}',
    '\u{180e}'..='\u{180e}',
    '\u{200b}'..='\u{200b}',
    // Directions, and between them the line ends that only Unicode knows.
    '\u{200e}'..='\u{200f}',
    '\u{2028}'..='\u{202e}',
    // Word joiner, invisible operators, directions again, and six that Unicode has given up.
    '\u{2060}'..='\u{206f}',
    // Fillers.
    '\u{3164}'..='\u{3164}',
    '\u{ffa0}'..='\u{ffa0}',
    // The byte order mark, and marks of annotations.
    '\u{feff}'..='\u{feff}',
    '\u{fff0}'..='\u{fffb}',
    '\u{1d173}'..='\u{1d17a}',
    // Tags, which can spell a whole message.
    '\u{e0000}'..='\u{e00ff}',
];

/// Up to `MAX` characters, trimmed, all of them to be seen, save line ends and tabs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text<const MAX: usize>(String);

/// Text that is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing that is seen.
    #[error("write something here")]
    Empty,
    /// Longer than allowed.
    #[error("write at most {0} characters")]
    TooLong(usize),
    /// A NUL, an escape, a change of direction or the like.
    #[error("leave out the character U+{:04X}, which nobody sees", u32::from(*.0))]
    Unseen(char),
}

impl<const MAX: usize> Text<MAX> {
    /// Refuses the empty, the over-long and what nobody sees.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        let text = Self::parse_optional(text)?;
        if shows_nothing(&text.0) { Err(TextError::Empty) } else { Ok(text) }
    }

    /// The same, and nothing is allowed, too.
    pub fn parse_optional(text: &str) -> Result<Self, TextError> {
        let trimmed = text.trim();
        check(trimmed, MAX, |c| is_unseen(c) && !matches!(c, '\n' | '\r' | '\t'))?;
        Ok(Self(trimmed.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Refuses a name that is no line of 1 to `length_max` characters, or has one that nobody sees.
pub fn check_line(text: &str, length_max: usize) -> Result<(), TextError> {
    check(text, length_max, is_unseen)?;
    if shows_nothing(text) { Err(TextError::Empty) } else { Ok(()) }
}

/// Whether nobody sees the character: a control character, or one of those that only change what stands beside them.
pub fn is_unseen(c: char) -> bool {
    c.is_control() || UNSEEN.iter().any(|range| range.contains(&c))
}

fn check(
    text: &str,
    length_max: usize,
    is_refused: impl Fn(char) -> bool,
) -> Result<(), TextError> {
    if text.chars().count() > length_max {
        return Err(TextError::TooLong(length_max));
    }
    text.chars().find(|c| is_refused(*c)).map_or(Ok(()), |c| Err(TextError::Unseen(c)))
}

/// Whether the character shows nothing by itself: white space, the blank of Braille, joiners and variation selectors.
pub fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '\u{2800}' | '\u{200c}'..='\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

fn shows_nothing(text: &str) -> bool {
    text.chars().all(is_blank)
}

#[cfg(test)]
mod tests {
    use super::{Text, TextError, check_line};

    #[test]
    fn text_is_trimmed_bounded_and_to_be_seen() {
        assert_eq!(Text::<5>::parse("  né\n ").unwrap().as_str(), "né");
        assert_eq!(Text::<5>::parse("    "), Err(TextError::Empty));
        assert_eq!(Text::<5>::parse("\u{200d}"), Err(TextError::Empty));
        assert_eq!(Text::<5>::parse("sixsix"), Err(TextError::TooLong(5)));
        assert_eq!(Text::<5>::parse("a\0b"), Err(TextError::Unseen('\0')));
        assert_eq!(Text::<5>::parse("a\nb").unwrap().as_str(), "a\nb");
        assert_eq!(Text::<5>::parse_optional("").unwrap().as_str(), "");
    }

    #[test]
    fn a_name_is_one_line() {
        assert_eq!(check_line("A", 1), Ok(()));
        for (text, error) in [
            ("", TextError::Empty),
            (" ", TextError::Empty),
            ("AB", TextError::TooLong(1)),
            ("\n", TextError::Unseen('\n')),
        ] {
            assert_eq!(check_line(text, 1), Err(error), "{text:?}");
        }
    }

    #[test]
    fn a_refusal_names_the_character() {
        let said = Text::<9>::parse("a\u{202e}b").unwrap_err().to_string();
        assert_eq!(said, "leave out the character U+202E, which nobody sees");
    }
}
