//! Finds free ports on the loopback interface. Knows nothing of who will listen on them.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};

use anyhow::Context;
use rand::Rng;

/// Below the ports that Linux and macOS give to outgoing connections unless told otherwise, and above those that
/// well-known services take.
const PREFERRED: std::ops::Range<u16> = 15_000..32_000;
const ATTEMPTS_MAX: u32 = 50;

/// A port that nobody listens on now. Somebody may take it before the caller does, so callers retry.
///
/// A killed process must find its port free when it is started again; a port from the ephemeral range could by then
/// be the local end of one of the load generator's own connections. So that range comes second.
///
/// # Errors
/// The loopback interface gives no ports at all.
pub fn free_port() -> anyhow::Result<u16> {
    let below = PREFERRED.start..PREFERRED.end.min(ephemeral_start().max(PREFERRED.start + 1));
    let mut random = rand::rng();
    for _ in 0..ATTEMPTS_MAX {
        let port = random.random_range(below.clone());
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .context("no free port on 127.0.0.1; is the loopback interface up?")?;
    Ok(listener.local_addr()?.port())
}

fn ephemeral_start() -> u16 {
    fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")
        .ok()
        .and_then(|range| range.split_whitespace().next()?.parse().ok())
        .unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_found_free_can_be_bound() {
        let port = free_port().unwrap();
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    }

    #[test]
    fn a_port_is_not_one_that_outgoing_connections_use() {
        assert!(free_port().unwrap() < ephemeral_start());
    }
}
