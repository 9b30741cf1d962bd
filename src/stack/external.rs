//! External stores, which are used by URL instead of being started here: whether they answer, and their names without
//! passwords. Changes nothing in them.

use std::time::Duration;

use anyhow::{Context, anyhow, bail, ensure};
use reqwest::Url;
use tokio::time::timeout;

use super::readiness::Readiness;

const REACHABLE_WITHIN: Duration = Duration::from_secs(5);

/// Asks a PostgreSQL, a Redis or an HTTP server once; `variable` is the setting that has its URL.
///
/// # Errors
/// It does not answer within five seconds, or the URL is not one; the password is never part of the message.
pub async fn check_reachable(variable: &str, readiness: &Readiness) -> anyhow::Result<()> {
    let (Readiness::Postgres(url) | Readiness::Redis(url) | Readiness::Http(url)) = readiness;
    let shown = masked(url).with_context(|| format!("{variable} is not a url"))?;
    timeout(REACHABLE_WITHIN, readiness.probe())
        .await
        .unwrap_or_else(|_| Err(anyhow!("no answer within {REACHABLE_WITHIN:?}")))
        .with_context(|| {
            format!("{variable} {shown} cannot be reached; start it, or unset {variable} to use a throwaway one")
        })
}

/// The URL without its password and without its query, which may hold one as well.
///
/// # Errors
/// It is not a URL.
pub fn masked(url: &str) -> anyhow::Result<String> {
    let mut url = Url::parse(url)?;
    // Without a host, what looks like a user and a password is no part that could be told from the rest.
    ensure!(url.has_host(), "it names no host");
    if url.password().is_some() && url.set_password(Some("***")).is_err() {
        bail!("its password cannot be told from the rest");
    }
    url.set_query(None);
    Ok(url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_masked_wherever_it_stands() {
        let url = "postgres://bob:secret@db.example:5432/tickets?password=secret";
        assert_eq!(masked(url).unwrap(), "postgres://bob:***@db.example:5432/tickets");
        assert_eq!(masked("redis://:secret@127.0.0.1:1/2").unwrap(), "redis://:***@127.0.0.1:1/2");
        assert!(!format!("{:#}", masked("bob:secret word").unwrap_err()).contains("secret"));
    }

    #[tokio::test]
    async fn an_unreachable_store_is_named_without_its_password() {
        let url = "postgres://bob:secret@127.0.0.1:1/tickets".to_owned();
        let error = check_reachable("DATABASE_URL", &Readiness::Postgres(url)).await.unwrap_err();
        let message = format!("{error:#}");
        assert!(
            message.starts_with("DATABASE_URL postgres://bob:***@127.0.0.1:1/tickets cannot be")
        );
        assert!(!message.contains("secret"), "{message}");
    }

    #[tokio::test]
    async fn a_store_that_listens_and_stays_silent_is_given_up_within_five_seconds() {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("redis://{}", silent.local_addr().unwrap());
        let started = tokio::time::Instant::now();
        check_reachable("REDIS_URLS", &Readiness::Redis(url)).await.unwrap_err();
        assert!(started.elapsed() < REACHABLE_WITHIN);
    }
}
