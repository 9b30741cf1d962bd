//! Arguments that several commands share.

use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::builder::NonEmptyStringValueParser;

use crate::domain::Email;
use crate::stack::external;
use crate::stack::readiness::Readiness;
use crate::storage::{Storage, StorageSettings, migrations};

/// Which database.
#[derive(Debug, clap::Args)]
pub struct Database {
    /// The database, as postgres://user:password@host:port/name.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL",
          value_parser = NonEmptyStringValueParser::new())]
    pub database_url: String,
}

impl Database {
    /// Opens the database for an operator's command, and makes sure that it answers and has our schema.
    pub async fn open(&self) -> anyhow::Result<Storage> {
        let storage = self.open_bare().await?;
        check_schema(&migrations::pending(&storage).await?)?;
        Ok(storage)
    }

    /// Opens the database whatever its schema is.
    pub async fn open_bare(&self) -> anyhow::Result<Storage> {
        let storage = Storage::open(&StorageSettings::for_command(&self.database_url))
            .context("DATABASE_URL is not a PostgreSQL URL")?;
        // Not through the pool, which doesn't say why it has no connection.
        Readiness::Postgres(self.database_url.clone()).probe().await.with_context(|| {
            let shown = masked(&self.database_url);
            format!("can't reach {shown}, is it running? `ticketctl doctor` checks")
        })?;
        Ok(storage)
    }
}

/// Refuses a database that lacks migrations.
pub fn check_schema(missing: &[String]) -> anyhow::Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    bail!("the schema lacks {}, run `ticketctl migrate`", missing.join(", "))
}

/// The URL as it may be shown: without its password and its query.
pub fn masked(url: &str) -> String {
    external::masked(url).unwrap_or_else(|_no_url| "what was given".to_owned())
}

/// A duration such as `500ms`, `30s` or `2m`, longer than nothing.
pub fn positive_duration(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text)
        .map_err(|error| format!("{error}; write a number and a unit, such as 500ms, 30s or 2m"))?;
    if duration.is_zero() { Err("must be longer than 0".to_owned()) } else { Ok(duration) }
}

/// A URL of HTTP, such as `http://localhost:4318`.
pub fn http_url(text: &str) -> Result<reqwest::Url, String> {
    let bad = || "write a URL such as http://localhost:4318".to_owned();
    let url: reqwest::Url = text.parse().map_err(|_error| bad())?;
    if matches!(url.scheme(), "http" | "https") { Ok(url) } else { Err(bad()) }
}

/// An e-mail address.
pub fn email(text: &str) -> Result<Email, String> {
    Email::parse(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::{http_url, masked, positive_duration};

    #[test]
    fn only_urls_of_http_are_taken_as_such() {
        for (text, fine) in [
            ("http://localhost:4318", true),
            ("https://pay.example.org/shop", true),
            ("", false),
            ("localhost:4318", false),
            ("redis://localhost", false),
        ] {
            assert_eq!(http_url(text).is_ok(), fine, "{text}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        assert_eq!(masked("postgres://u:p@h:1/d?password=q"), "postgres://u:***@h:1/d");
        assert_eq!(masked("u:secret word"), "what was given");
    }

    #[test]
    fn a_duration_of_nothing_is_refused() {
        assert!(positive_duration("0s").is_err());
        assert!(positive_duration("soon").is_err());
        assert_eq!(positive_duration("1m 30s").map(|duration| duration.as_secs()), Ok(90));
    }
}
