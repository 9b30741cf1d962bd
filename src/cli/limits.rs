//! The settings of `serve` that bound what a client may take: how often, how large, how long.

use std::sync::Arc;
use std::time::Duration;

use clap::value_parser;
use ipnet::IpNet;

use super::bad_input::BadInput;
use super::shared::positive_duration;
use crate::api::limits::{Limits, WhenLimitsUnreachable};
use crate::api::listen::Bounds;
use crate::domain::Holds;
use crate::locks::{Node, RateLimiter};

/// Bounds of what a client may take.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitArgs {
    /// Requests per user, and per address, within the window.
    #[arg(long, env = "RATE_LIMIT", default_value_t = 100, value_name = "REQUESTS",
          value_parser = value_parser!(u32).range(1..=100_000))]
    rate_limit: u32,
    /// The sliding window that requests are counted in.
    #[arg(long, env = "RATE_LIMIT_WINDOW", default_value = "15m", value_name = "DURATION", value_parser = positive_duration)]
    rate_limit_window: Duration,
    /// Requests with a password per address, and logins per account and network (IPv4 /24, IPv6 /64), within the window; ten
    /// times as many per IPv4 /24 or IPv6 /48.
    #[arg(long, env = "LOGIN_RATE_LIMIT", default_value_t = 10, value_name = "REQUESTS",
          value_parser = value_parser!(u32).range(1..=100_000))]
    login_rate_limit: u32,
    /// Addresses that are not counted, such as those of a load test: networks separated by commas.
    #[arg(
        long,
        env = "RATE_LIMIT_EXEMPT",
        value_delimiter = ',',
        value_name = "CIDR,…",
        value_parser = network
    )]
    rate_limit_exempt: Vec<IpNet>,
    /// Proxies in front of this server whose X-Forwarded-For is believed; 0 believes nobody.
    #[arg(long, env = "TRUSTED_PROXIES", default_value_t = 0, value_name = "COUNT",
          value_parser = value_parser!(u8).range(0..=16))]
    trusted_proxies: u8,
    /// What to do with requests that can't be counted because Redis doesn't answer.
    #[arg(long, env = "WHEN_LIMITS_UNREACHABLE", value_enum, default_value = "allow")]
    when_limits_unreachable: WhenUnreachable,
    /// Holds that one user may have of an event at a time.
    #[arg(long, env = "HOLDS_PER_USER", default_value_t = Holds::USUAL.holds, value_name = "HOLDS",
          value_parser = value_parser!(u32).range(1..=1000))]
    holds_per_user: u32,
    /// Seats that one user may hold of an event at a time, in all holds together; orders for more are refused.
    #[arg(long, env = "HELD_SEATS_PER_USER", default_value_t = Holds::USUAL.seats, value_name = "SEATS",
          value_parser = value_parser!(u32).range(1..=50_000))]
    held_seats_per_user: u32,
    /// Connections at once; more wait.
    #[arg(long, env = "MAX_CONNECTIONS", default_value_t = 4096, value_name = "COUNT",
          value_parser = value_parser!(u32).range(1..=1_000_000))]
    max_connections: u32,
    /// Bytes of a request's line and headers; more are answered with 431.
    #[arg(long, env = "MAX_HEADER_BYTES", default_value_t = 32 * 1024, value_name = "BYTES",
          value_parser = value_parser!(u32).range(8192..=1_048_576))]
    max_header_bytes: u32,
    /// How long a client may take to send a request's headers, may keep an idle connection, and may leave an answer unread.
    #[arg(long, env = "HEADER_TIMEOUT", default_value = "30s", value_name = "DURATION", value_parser = positive_duration)]
    header_timeout: Duration,
}

/// The words of the flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum WhenUnreachable {
    /// Answer them uncounted.
    Allow,
    /// Refuse them with 503.
    Refuse,
}

impl From<WhenUnreachable> for WhenLimitsUnreachable {
    fn from(word: WhenUnreachable) -> Self {
        match word {
            WhenUnreachable::Allow => Self::Allow,
            WhenUnreachable::Refuse => Self::Refuse,
        }
    }
}

impl LimitArgs {
    /// How often somebody may call.
    ///
    /// # Errors
    /// When requests that can't be counted shall be refused, and there is nothing to count with.
    pub fn limits(&self, nodes: &Arc<[Node]>) -> anyhow::Result<Limits> {
        if nodes.is_empty() {
            if self.when_limits_unreachable == WhenUnreachable::Refuse {
                let message = "WHEN_LIMITS_UNREACHABLE=refuse needs Redis nodes, set REDIS_URLS";
                return Err(BadInput(message.to_owned()).into());
            }
            tracing::warn!("REDIS_URLS is not set: nobody's requests are limited");
        }
        Ok(Limits {
            limiter: RateLimiter::new(Arc::clone(nodes)),
            usual: self.rate_limit,
            credentials: self.login_rate_limit,
            window: self.rate_limit_window,
            exempt: self.rate_limit_exempt.clone(),
            trusted_proxies: usize::from(self.trusted_proxies),
            when_unreachable: self.when_limits_unreachable.into(),
        })
    }

    /// What one user may hold of an event at a time.
    pub fn holds(&self) -> Holds {
        Holds { holds: self.holds_per_user, seats: self.held_seats_per_user }
    }

    /// What a connection may take.
    pub fn bounds(&self) -> Bounds {
        let size = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
        Bounds {
            connections: size(self.max_connections),
            header_bytes: size(self.max_header_bytes),
            header_timeout: self.header_timeout,
        }
    }
}

/// A network such as `10.0.0.0/8`, or one address.
fn network(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    let address = || text.parse::<std::net::IpAddr>().ok().map(IpNet::from);
    text.parse().ok().or_else(address).ok_or_else(|| {
        "write networks such as 10.0.0.0/8 or 2001:db8::/32, or addresses".to_owned()
    })
}
