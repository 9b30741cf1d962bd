//! Finds the addresses of a host, a bounded number of names at a time; knows nothing of what they are for.
//!
//! The system's resolver blocks, and nothing can call it off. So each name is looked up on a thread of its own, once however
//! many ask for it, and nobody has to wait for that thread: not those who gave up, and not the end of the program.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, ToSocketAddrs as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Names looked up at a time; more wait their turn.
const LOOKUPS_MAX: usize = 32;

/// What has been found, once the lookup has ended.
type Found = watch::Receiver<Option<Vec<IpAddr>>>;

/// A cheap handle on the lookups of a server.
#[derive(Clone)]
pub struct Resolver {
    asked: Arc<Mutex<BTreeMap<String, Found>>>,
    places: Arc<Semaphore>,
}

impl Resolver {
    pub fn new() -> Self {
        Self { asked: Arc::default(), places: Arc::new(Semaphore::new(LOOKUPS_MAX)) }
    }

    /// The addresses of a name or of an address as text; none where there are none. No host is this machine, and so is
    /// `localhost`: neither needs a lookup. The caller limits the time.
    pub async fn addresses(&self, host: &str) -> Vec<IpAddr> {
        if let Ok(ip) = host.parse() {
            return vec![ip];
        }
        if host.is_empty() || host.eq_ignore_ascii_case("localhost") {
            return vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        }
        let Some(mut found) = self.ask(host).await else { return Vec::new() };
        let found = found.wait_for(Option::is_some).await;
        found.ok().and_then(|found| found.clone()).unwrap_or_default()
    }

    /// Joins the lookup of this name, or starts it as soon as there is a place.
    async fn ask(&self, host: &str) -> Option<Found> {
        if let Some(found) = self.asked().get(host) {
            return Some(found.clone());
        }
        let place = Arc::clone(&self.places).acquire_owned().await.ok()?;
        let mut asked = self.asked();
        if let Some(found) = asked.get(host) {
            return Some(found.clone());
        }
        let (answer, found) = watch::channel(None);
        if let Err(error) = self.look_up(host.to_owned(), answer, place) {
            tracing::warn!(host, %error, "no thread to look up a name");
            return None;
        }
        asked.insert(host.to_owned(), found.clone());
        Some(found)
    }

    /// The thread forgets the name when it has an answer, so that the next who asks gets a new one.
    fn look_up(
        &self,
        host: String,
        answer: watch::Sender<Option<Vec<IpAddr>>>,
        place: OwnedSemaphorePermit,
    ) -> std::io::Result<()> {
        let resolver = self.clone();
        let look_up = move || {
            let found = (host.as_str(), 0).to_socket_addrs();
            let found = found.map(|all| all.map(|address| address.ip()).collect());
            resolver.asked().remove(&host);
            drop(place);
            answer.send_replace(Some(found.unwrap_or_default()));
        };
        std::thread::Builder::new().name("toxiproxy-lookup".to_owned()).spawn(look_up)?;
        Ok(())
    }

    fn asked(&self) -> MutexGuard<'_, BTreeMap<String, Found>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn addresses_and_this_machine_need_no_lookup() {
        let resolver = Resolver::new();
        resolver.places.close();
        for (host, expected) in [
            ("127.0.0.9", "127.0.0.9"),
            ("::1", "::1"),
            ("", "127.0.0.1"),
            ("LocalHost", "127.0.0.1"),
        ] {
            let found = resolver.addresses(host).await;
            assert_eq!(found[0], expected.parse::<IpAddr>().unwrap(), "{host}");
        }
    }

    #[tokio::test]
    async fn a_name_that_is_not_one_has_no_addresses() {
        let resolver = Resolver::new();
        assert_eq!(resolver.addresses("not a name").await, Vec::<IpAddr>::new());
        assert!(resolver.asked().is_empty(), "the lookup is remembered after its end");
    }

    #[tokio::test]
    async fn a_name_that_hangs_takes_one_place_however_many_ask() {
        let resolver = Resolver::new();
        let (_hanging, found) = watch::channel(None);
        resolver.asked().insert("slow.test".to_owned(), found);
        let ask =
            || tokio::time::timeout(Duration::from_millis(5), resolver.addresses("slow.test"));
        for asked in [ask().await, ask().await, ask().await] {
            assert!(asked.is_err());
        }
        assert_eq!(resolver.places.available_permits(), LOOKUPS_MAX);
    }
}
