//! What an e-mail address and a password have to be. Neither shows itself in a log.

use std::fmt;

use super::text::{is_blank, is_unseen};

/// Longest address, in bytes. Source: RFC 5321 section 4.5.3.1.3 (a path of 256, its brackets off).
pub const EMAIL_BYTES_MAX: usize = 254;
/// Shortest password, in characters.
pub const PASSWORD_LENGTH_MIN: usize = 12;
/// Longest password, in characters.
pub const PASSWORD_LENGTH_MAX: usize = 128;

/// An e-mail address in lower case. Whether mail reaches it, only mail can tell.
#[derive(Clone, PartialEq, Eq)]
pub struct Email(String);

/// An address that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write an e-mail address such as ada@example.org, of {EMAIL_BYTES_MAX} characters at most")]
pub struct EmailError;

impl Email {
    /// Refuses what has not exactly one `@` with something on both sides, and characters that show nothing, joiners included:
    /// with them, two accounts would look like one.
    pub fn parse(text: &str) -> Result<Self, EmailError> {
        let email = text.to_lowercase();
        let odd = |c: char| is_blank(c) || is_unseen(c);
        let (name, host) = email.split_once('@').ok_or(EmailError)?;
        let has_both = !name.is_empty() && !host.is_empty() && !host.contains('@');
        if !has_both || email.len() > EMAIL_BYTES_MAX || email.contains(odd) {
            return Err(EmailError);
        }
        Ok(Self(email))
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Email")
    }
}

/// A password as somebody typed it.
#[derive(Clone)]
pub struct Password(String);

/// A password that is too short to be safe, or too long to be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a password is {PASSWORD_LENGTH_MIN} to {PASSWORD_LENGTH_MAX} characters")]
pub struct PasswordError;

impl Password {
    /// Refuses other lengths; any characters are fine. Source: NIST SP 800-63B section 3.1.1.2.
    pub fn parse(text: String) -> Result<Self, PasswordError> {
        if (PASSWORD_LENGTH_MIN..=PASSWORD_LENGTH_MAX).contains(&text.chars().count()) {
            Ok(Self(text))
        } else {
            Err(PasswordError)
        }
    }

    /// What is hashed.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Password")
    }
}

#[cfg(test)]
mod tests {
    use super::{Email, Password};

    #[test]
    fn an_address_has_one_at_sign_and_two_sides() {
        assert_eq!(Email::parse("Ada@Example.ORG").unwrap().as_str(), "ada@example.org");
        let long = format!("{}@example.org", "a".repeat(243));
        for bad in [
            "",
            "@",
            "a@",
            "@b",
            "a",
            "a@b@c",
            "a b@c",
            "a@b\n",
            "a@b\0",
            "a\u{200d}@b",
            "a@b\u{fe0f}",
            &long,
        ] {
            assert!(Email::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_password_is_counted_in_characters() {
        for (count, fine) in [(11, false), (12, true), (128, true), (129, false)] {
            assert_eq!(Password::parse("é".repeat(count)).is_ok(), fine, "{count}");
        }
    }

    #[test]
    fn neither_shows_itself() {
        let email = Email::parse("ada@example.org").unwrap();
        let password = Password::parse("correct horse battery".to_owned()).unwrap();
        let shown = format!("{email:?} {password:?}");
        assert!(!shown.contains("ada") && !shown.contains("horse"), "{shown}");
    }
}
