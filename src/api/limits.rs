//! How often somebody may call: counted for the user and for the address they come from, in a sliding window that all
//! servers share. Says what is left in every counted answer.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
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
/// What one customer of a network provider has.
const CUSTOMER: Prefix = Prefix { ipv4_bits: 32, ipv6_bits: 64 };
/// What a guesser of one account's password can change addresses within at no cost.
const NEIGHBOURHOOD: Prefix = Prefix { ipv4_bits: 24, ipv6_bits: 64 };
/// What is given out as one: a guesser of many accounts' passwords may have all of it.
const BLOCK: Prefix = Prefix { ipv4_bits: 24, ipv6_bits: 48 };
/// Customers' worth of requests with a password that one block has.
const CUSTOMERS_PER_BLOCK: u32 = 10;

/// How often somebody may call.
#[derive(Clone)]
pub struct Limits {
    pub limiter: RateLimiter,
    /// Requests per user, and per address, within the window.
    pub usual: u32,
    /// Requests with a password per address, and logins per account and network, within the window; a block of addresses
    /// has ten times as many.
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
        let customer = CUSTOMER.of(address);
        let of_address = || ("address", format!("address:{customer}"), self.usual);
        let counts = match (budget, user) {
            (Budget::Unlimited, _) => return Ok(None),
            (Budget::Credentials, _) => {
                let of_block = self.credentials.saturating_mul(CUSTOMERS_PER_BLOCK);
                vec![
                    ("credentials", format!("credentials:{customer}"), self.credentials),
                    ("block", format!("block:{}", BLOCK.of(address)), of_block),
                ]
            }
            (Budget::Usual, None) => vec![of_address()],
            (Budget::Usual, Some(user)) => {
                vec![("user", format!("user:{}", user.0), self.usual), of_address()]
            }
        };
        self.take(counts).await
    }

    /// Charges a login to the account that is tried, known or not, as far as it is tried from this network: who guesses a
    /// password is slowed, and its owner elsewhere is not.
    ///
    /// # Errors
    /// As [`Limits::charge`].
    pub async fn charge_login(&self, email: &Email, client: Client) -> Result<(), ApiError> {
        let Client::Counted(address) = client else { return Ok(()) };
        let mut name = format!("login:{}:", NEIGHBOURHOOD.of(address));
        for byte in Sha256::digest(email.as_str()) {
            // Writing to a string cannot fail.
            let _written = write!(name, "{byte:02x}");
        }
        self.take(vec![("login", name, self.credentials)]).await.map(|_headers| ())
    }

    /// Charges each of these counts, given by its policy, its name and its limit; or none of them.
    async fn take(
        &self,
        counts: Vec<(&'static str, String, u32)>,
    ) -> Result<Option<LimitHeaders>, ApiError> {
        let (policies, allowances): (Vec<&str>, Vec<Allowance>) = counts
            .into_iter()
            .map(|(policy, name, limit)| (policy, Allowance { name, limit }))
            .unzip();
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
        let headers = self.headers(&policies, &allowances, &taken);
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

    fn headers(&self, policies: &[&str], allowances: &[Allowance], taken: &Taken) -> LimitHeaders {
        let window = seconds(self.window);
        let policy = policies
            .iter()
            .zip(allowances)
            .map(|(policy, allowance)| format!("\"{policy}\";q={};w={window}", allowance.limit));
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

/// How much of an address counts.
#[derive(Debug, Clone, Copy)]
struct Prefix {
    /// Leading bits of an IPv4 address, 1 to 32.
    ipv4_bits: u32,
    /// Leading bits of an IPv6 address, 1 to 128.
    ipv6_bits: u32,
}

impl Prefix {
    /// The first address of the network that the address is in.
    fn of(self, address: IpAddr) -> IpAddr {
        match address {
            IpAddr::V4(address) => {
                let mask = u32::MAX << (u32::BITS - self.ipv4_bits);
                IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & mask))
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX << (u128::BITS - self.ipv6_bits);
                IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
            }
        }
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
    fn a_network_is_wider_the_cheaper_its_addresses_are() {
        for (address, customer, neighbourhood, block) in [
            ("198.51.100.7", "198.51.100.7", "198.51.100.0", "198.51.100.0"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::", "2001:db8:1:2::", "2001:db8:1::"),
        ] {
            let address = address.parse().unwrap();
            let of = [CUSTOMER, NEIGHBOURHOOD, BLOCK].map(|prefix| prefix.of(address).to_string());
            assert_eq!(of, [customer, neighbourhood, block]);
        }
    }
}
