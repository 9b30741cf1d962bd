//! How often somebody may call: counted for the user and for the address they come from, in a sliding window that all
//! servers share. Says what is left in every counted answer.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::http::{Extensions, HeaderMap};
use ipnet::IpNet;
use sha2::{Digest as _, Sha256};

use super::error::ApiError;
use super::limit_headers::LimitHeaders;
use crate::domain::{Email, UserId};
use crate::locks::rate_limit::{Allowance, RateLimiter, Taken};

/// Where proxies write whom they speak for.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// How often somebody may call.
#[derive(Clone)]
pub struct Limits {
    pub limiter: RateLimiter,
    /// Requests per user, and per address, within the window.
    pub usual: u32,
    /// Requests with a password per address, and logins per e-mail address, within the window.
    pub credentials: u32,
    pub window: Duration,
    /// Addresses that are not counted.
    pub exempt: Vec<IpNet>,
    /// Proxies in front whose `X-Forwarded-For` is believed.
    pub trusted_proxies: usize,
    /// What happens when Redis gives no answer.
    pub when_unreachable: WhenLimitsUnreachable,
}

/// What happens to requests that can't be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenLimitsUnreachable {
    /// Answer them uncounted.
    Allow,
    /// Refuse them with 503.
    Refuse,
}

/// What a call counts against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Budget {
    /// The usual limit.
    Usual,
    /// The stricter one of routes that take a password.
    Credentials,
    /// Nothing: probes and documentation.
    Unlimited,
}

/// Whom a request comes from, as far as it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// From this address.
    Counted(IpAddr),
    /// From an address that is not counted.
    Exempt,
}

impl Limits {
    /// Whom a request comes from: its peer, or whom the trusted proxies say they speak for.
    pub fn client(&self, headers: &HeaderMap, extensions: &Extensions) -> Result<Client, ApiError> {
        let ConnectInfo(peer): &ConnectInfo<SocketAddr> = extensions
            .get()
            .ok_or_else(|| ApiError::Internal("a request has no peer address".to_owned()))?;
        let address = forwarded_for(headers, self.trusted_proxies).unwrap_or(peer.ip());
        let address = address.to_canonical();
        let is_exempt = self.exempt.iter().any(|range| range.contains(&address));
        Ok(if is_exempt { Client::Exempt } else { Client::Counted(address) })
    }

    /// Charges a request to its user and its address.
    ///
    /// # Errors
    /// When one of them has no requests left, or when they can't be counted and the setting says to refuse.
    pub async fn charge(
        &self,
        budget: Budget,
        user: Option<UserId>,
        client: Client,
    ) -> Result<Option<LimitHeaders>, ApiError> {
        let Client::Counted(address) = client else { return Ok(None) };
        let address = network_of(address);
        let (limit, names) = match (budget, user) {
            (Budget::Unlimited, _) => return Ok(None),
            (Budget::Credentials, _) => {
                (self.credentials, vec![("credentials", format!("credentials:{address}"))])
            }
            (Budget::Usual, None) => (self.usual, vec![("address", format!("address:{address}"))]),
            (Budget::Usual, Some(user)) => {
                let user = ("user", format!("user:{}", user.0));
                (self.usual, vec![user, ("address", format!("address:{address}"))])
            }
        };
        self.take(limit, names).await
    }

    /// Charges a login to the address that is tried, known or not: guessing one person's password from many places is
    /// slow, too.
    ///
    /// # Errors
    /// As [`Limits::charge`].
    pub async fn charge_login(&self, email: &Email, client: Client) -> Result<(), ApiError> {
        if client == Client::Exempt {
            return Ok(());
        }
        let mut name = "login:".to_owned();
        for byte in Sha256::digest(email.as_str()) {
            // Writing to a string cannot fail.
            let _written = write!(name, "{byte:02x}");
        }
        self.take(self.credentials, vec![("login", name)]).await.map(|_headers| ())
    }

    async fn take(
        &self,
        limit: u32,
        names: Vec<(&'static str, String)>,
    ) -> Result<Option<LimitHeaders>, ApiError> {
        let (policies, allowances): (Vec<&str>, Vec<Allowance>) =
            names.into_iter().map(|(policy, name)| (policy, Allowance { name, limit })).unzip();
        let taken = match self.limiter.take(self.window, &allowances).await {
            Ok(Some(taken)) => taken,
            Ok(None) => return Ok(None),
            Err(error) => {
                metrics::counter!("ticketctl_rate_limits_unreachable_total").increment(1);
                return match self.when_unreachable {
                    WhenLimitsUnreachable::Allow => Ok(None),
                    WhenLimitsUnreachable::Refuse => Err(ApiError::Unavailable(error.to_string())),
                };
            }
        };
        let headers = self.headers(limit, &policies, &taken);
        if taken.is_allowed {
            return Ok(Some(headers));
        }
        let used_up = policies.iter().zip(&taken.left).filter(|(_, left)| left.remaining == 0);
        for (policy, _) in used_up.clone() {
            metrics::counter!("ticketctl_rate_limited_total", "policy" => (*policy).to_owned())
                .increment(1);
        }
        let wait = used_up.map(|(_, left)| seconds(left.more_in)).max().unwrap_or(1).max(1);
        Err(ApiError::LimitReached { retry_after_seconds: wait, headers })
    }

    fn headers(&self, limit: u32, policies: &[&str], taken: &Taken) -> LimitHeaders {
        let window = seconds(self.window);
        let policy = policies.iter().map(|policy| format!("\"{policy}\";q={limit};w={window}"));
        let left = policies.iter().zip(&taken.left).map(|(policy, left)| {
            format!("\"{policy}\";r={};t={}", left.remaining, seconds(left.more_in))
        });
        LimitHeaders {
            policy: policy.collect::<Vec<_>>().join(", "),
            left: left.collect::<Vec<_>>().join(", "),
        }
    }
}

/// Whole seconds, begun ones counted.
fn seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

/// The address that the outermost of `proxies` trusted proxies saw. Each adds its peer at the end, so everything further
/// left was written by the client, who may have written anything.
fn forwarded_for(headers: &HeaderMap, proxies: usize) -> Option<IpAddr> {
    let values = headers.get_all(FORWARDED_FOR).iter().map(|value| value.to_str().unwrap_or("?"));
    let entries: Vec<&str> = values.flat_map(|value| value.split(',')).map(str::trim).collect();
    if proxies == 0 || entries.is_empty() {
        return None;
    }
    let entry = entries.get(entries.len().saturating_sub(proxies))?;
    let with_port = || entry.parse::<SocketAddr>().ok().map(|address| address.ip());
    entry.parse::<IpAddr>().ok().or_else(with_port)
}

/// What one customer of a network has: an IPv4 address, or the 2^64 IPv6 addresses that usually come as one.
fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_what_trusted_proxies_wrote_is_believed() {
        for (header, proxies, expected) in [
            ("6.6.6.6, 1.2.3.4", 0, None),
            ("6.6.6.6, 1.2.3.4", 1, Some("1.2.3.4")),
            ("6.6.6.6, 1.2.3.4, 10.0.0.1", 2, Some("1.2.3.4")),
            ("1.2.3.4", 2, Some("1.2.3.4")),
            ("1.2.3.4:4711", 1, Some("1.2.3.4")),
            ("[2001:db8::1]:80", 1, Some("2001:db8::1")),
            ("rubbish", 1, None),
            ("", 1, None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(FORWARDED_FOR, HeaderValue::from_str(header).unwrap());
            let expected = expected.map(|address: &str| address.parse().unwrap());
            assert_eq!(forwarded_for(&headers, proxies), expected, "{header} {proxies}");
        }
    }

    #[test]
    fn lines_of_one_header_are_one_list() {
        let mut headers = HeaderMap::new();
        headers.append(FORWARDED_FOR, HeaderValue::from_static("6.6.6.6"));
        headers.append(FORWARDED_FOR, HeaderValue::from_static("1.2.3.4"));
        assert_eq!(forwarded_for(&headers, 1), Some("1.2.3.4".parse().unwrap()));
    }

    #[test]
    fn a_customer_of_ipv6_is_a_whole_network() {
        let one = network_of("2001:db8:1:2:3:4:5:6".parse().unwrap());
        assert_eq!(one, network_of("2001:db8:1:2:ffff::1".parse().unwrap()));
        assert_ne!(one, network_of("2001:db8:1:3::1".parse().unwrap()));
    }
}
