//! The settings of `serve` that say what browsers are told.

use std::time::Duration;

use axum::http::HeaderValue;

use super::shared::positive_duration;
use crate::api::security_headers::SecurityHeaders;

/// What browsers are told.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Security headers")]
pub struct SecurityHeaderArgs {
    /// Sites whose pages may use this API, such as `https://example.org`, separated by commas; `*` lets all.
    #[arg(
        long,
        env = "CORS_ORIGINS",
        value_delimiter = ',',
        value_name = "ORIGIN,…",
        value_parser = origin
    )]
    cors_origins: Vec<HeaderValue>,
    /// Tell browsers to use nothing but HTTPS for so long; for servers that are reached by HTTPS only.
    #[arg(long, env = "HSTS_MAX_AGE", value_name = "DURATION", value_parser = positive_duration)]
    hsts_max_age: Option<Duration>,
}

impl From<&SecurityHeaderArgs> for SecurityHeaders {
    fn from(args: &SecurityHeaderArgs) -> Self {
        Self { cors_origins: args.cors_origins.clone(), https_only_for: args.hsts_max_age }
    }
}

/// A scheme, a host and perhaps a port, as browsers write them; or `*`.
fn origin(text: &str) -> Result<HeaderValue, String> {
    let text = text.trim();
    let bad = || "write origins such as https://example.org, without a path, or *".to_owned();
    let host = ["http://", "https://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    let is_origin = host.is_some_and(|host| {
        !host.is_empty()
            && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]".contains(&b))
            && host == host.to_ascii_lowercase()
    });
    if text != "*" && !is_origin {
        return Err(bad());
    }
    HeaderValue::from_str(text).map_err(|_unprintable| bad())
}

#[cfg(test)]
mod tests {
    use super::origin;

    #[test]
    fn an_origin_is_what_a_browser_sends() {
        for (text, fine) in [
            ("https://example.org", true),
            ("http://localhost:3000", true),
            ("http://[::1]:3000", true),
            ("*", true),
            ("https://example.org/", false),
            ("https://Example.org", false),
            ("example.org", false),
            ("https://", false),
            ("", false),
        ] {
            assert_eq!(origin(text).is_ok(), fine, "{text:?}");
        }
    }
}
