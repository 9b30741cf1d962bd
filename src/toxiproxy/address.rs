//! Turns addresses as a client wrote them into ones to bind, loopback unless remote access was asked for, and ones to dial;
//! opens nothing.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::error::Error;
use super::resolver::Resolver;
use super::services;

/// Longest wait for a name to resolve.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(2);

/// Who may reach a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    Loopback,
    Anywhere,
}

/// Resolves `host:port`. No host means 127.0.0.1, where Toxiproxy would take all interfaces; no port after the colon means
/// any free one. Of several addresses the first IPv4 one is taken.
pub async fn resolve(resolver: &Resolver, listen: &str, reach: Reach) -> Result<SocketAddr, Error> {
    let (host, port) = split(listen)?;
    let found = tokio::time::timeout(RESOLVE_TIMEOUT, resolver.addresses(host)).await;
    let addresses = found.unwrap_or_default();
    let first_v4 = addresses.iter().find(|ip| ip.is_ipv4());
    let ip = first_v4.or(addresses.first()).copied();
    let ip = ip.ok_or_else(|| Error::Listen(format!("lookup {host}: no such host")))?;
    if reach == Reach::Loopback && !ip.is_loopback() {
        return Err(Error::Remote(listen.to_owned()));
    }
    Ok(SocketAddr::new(ip, port))
}

/// The addresses to try, in this order, for an upstream `host:port`; no host is this machine. The caller limits the time.
pub async fn to_dial(resolver: &Resolver, upstream: &str) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = upstream.parse() {
        return Ok(vec![address]);
    }
    let (host, port) = split(upstream).map_err(io::Error::other)?;
    let addresses = resolver.addresses(host).await;
    Ok(addresses.into_iter().map(|ip| SocketAddr::new(ip, port)).collect())
}

fn split(listen: &str) -> Result<(&str, u16), Error> {
    let wrong = |what| Error::Listen(format!("address {listen}: {what}"));
    let (host, port) = listen.rsplit_once(':').ok_or_else(|| wrong("missing port in address"))?;
    let host = match host.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']').ok_or_else(|| wrong("missing ']' in address"))?,
        None if host.contains(':') => return Err(wrong("too many colons in address")),
        None => host,
    };
    if port.is_empty() {
        return Ok((host, 0));
    }
    let port = match port.parse() {
        Ok(port) => port,
        Err(_) if port.starts_with(|first: char| first.is_ascii_digit() || first == '-') => {
            return Err(Error::Listen(format!("address {port}: invalid port")));
        }
        Err(_) => services::port(port)
            .ok_or_else(|| Error::Listen(format!("lookup tcp/{port}: unknown port")))?,
    };
    Ok((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn text(listen: &str, reach: Reach) -> String {
        match resolve(&Resolver::new(), listen, reach).await {
            Ok(address) => address.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[tokio::test]
    async fn addresses_resolve_to_loopback_or_say_why_not() {
        for (listen, expected) in [
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("localhost:80", "127.0.0.1:80"),
            (":80", "127.0.0.1:80"),
            ("localhost:", "127.0.0.1:0"),
            ("[::1]:80", "[::1]:80"),
            ("nowhere", "address nowhere: missing port in address"),
            ("", "address : missing port in address"),
            ("::1:80", "address ::1:80: too many colons in address"),
            ("127.0.0.1:65536", "address 65536: invalid port"),
            ("127.0.0.1:http", "127.0.0.1:80"),
            ("127.0.0.1:nothing", "lookup tcp/nothing: unknown port"),
        ] {
            assert_eq!(text(listen, Reach::Loopback).await, expected, "{listen}");
        }
    }

    #[tokio::test]
    async fn an_upstream_without_a_host_is_on_this_machine() {
        for (upstream, first) in
            [(":80", "127.0.0.1:80"), ("localhost:http", "127.0.0.1:80"), ("[::1]:80", "[::1]:80")]
        {
            let found = to_dial(&Resolver::new(), upstream).await.unwrap();
            assert_eq!(found[0].to_string(), first, "{upstream}");
        }
        assert!(to_dial(&Resolver::new(), "nowhere").await.is_err());
    }

    #[tokio::test]
    async fn other_machines_are_let_in_only_when_asked_for() {
        assert!(text("0.0.0.0:80", Reach::Loopback).await.contains("--allow-remote"));
        assert!(text("[::]:80", Reach::Loopback).await.contains("--allow-remote"));
        assert_eq!(text("0.0.0.0:80", Reach::Anywhere).await, "0.0.0.0:80");
    }
}
