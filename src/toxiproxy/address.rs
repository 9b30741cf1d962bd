//! Turns a listen address as a client wrote it into one to bind, loopback unless remote access was asked for; opens nothing.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::toxiproxy::error::Error;

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
pub async fn resolve(listen: &str, reach: Reach) -> Result<SocketAddr, Error> {
    let (host, port) = split(listen)?;
    let ip = match host.parse::<IpAddr>() {
        Ok(ip) => ip,
        Err(_) if host.is_empty() => Ipv4Addr::LOCALHOST.into(),
        Err(_) => look_up(host).await?,
    };
    if reach == Reach::Loopback && !ip.is_loopback() {
        return Err(Error::Remote(listen.to_owned()));
    }
    Ok(SocketAddr::new(ip, port))
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
    let port =
        port.parse().map_err(|_invalid| Error::Listen(format!("address {port}: invalid port")))?;
    Ok((host, port))
}

async fn look_up(host: &str) -> Result<IpAddr, Error> {
    let unknown = || Error::Listen(format!("lookup {host}: no such host"));
    let found = tokio::time::timeout(RESOLVE_TIMEOUT, tokio::net::lookup_host((host, 0)))
        .await
        .map_err(|_elapsed| unknown())?
        .map_err(|_failed| unknown())?;
    let addresses: Vec<_> = found.map(|address| address.ip()).collect();
    let first_v4 = addresses.iter().find(|ip| ip.is_ipv4());
    first_v4.or(addresses.first()).copied().ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn text(listen: &str, reach: Reach) -> String {
        match resolve(listen, reach).await {
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
        ] {
            assert_eq!(text(listen, Reach::Loopback).await, expected, "{listen}");
        }
    }

    #[tokio::test]
    async fn other_machines_are_let_in_only_when_asked_for() {
        assert!(text("0.0.0.0:80", Reach::Loopback).await.contains("--allow-remote"));
        assert!(text("[::]:80", Reach::Loopback).await.contains("--allow-remote"));
        assert_eq!(text("0.0.0.0:80", Reach::Anywhere).await, "0.0.0.0:80");
    }
}
