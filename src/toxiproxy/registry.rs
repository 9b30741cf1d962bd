//! All proxies of a server by name, and every change the control API can make to them; knows no HTTP.
//!
//! One lock serialises changes. Nothing done under it can block on a peer: binding is local, switching links has a short
//! timeout, stopping a proxy cancels its connections instead of waiting for them, and names are resolved before. For the
//! same reason an address that cannot be resolved is refused when it is given, also for a proxy that is to be disabled.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::address;
use super::error::Error;
use super::proxy::{Engine, Proxy};
use super::request::{NewProxy, NewToxic, ProxyChange, ToxicChange};
use super::toxic::Toxic;
use super::view::{ProxyView, ToxicView};

/// The proxies of one server.
pub struct Registry {
    engine: Engine,
    proxies: Mutex<Proxies>,
}

#[derive(Default)]
struct Proxies {
    by_name: BTreeMap<String, Proxy>,
    toxics_created: u64,
}

/// What a populate did before it was through or failed.
pub struct Populated {
    pub proxies: Vec<ProxyView>,
    pub failure: Option<Error>,
}

impl Populated {
    /// Nothing was done.
    pub fn refused(error: Error) -> Self {
        Self { proxies: Vec::new(), failure: Some(error) }
    }
}

impl Registry {
    pub fn new(engine: Engine) -> Self {
        Self { engine, proxies: Mutex::default() }
    }

    pub async fn list(&self) -> BTreeMap<String, ProxyView> {
        let proxies = self.proxies.lock().await;
        proxies.by_name.iter().map(|(name, proxy)| (name.clone(), proxy.into())).collect()
    }

    pub async fn get(&self, name: &str) -> Result<ProxyView, Error> {
        Ok((&*self.proxies.lock().await.find(name)?).into())
    }

    /// Creates a proxy and, unless it is to be disabled, starts it. One that cannot start does not exist.
    pub async fn create(&self, new: &NewProxy) -> Result<ProxyView, Error> {
        let address = self.resolve(new.listen()).await.map_err(Error::while_listening);
        let mut proxies = self.proxies.lock().await;
        if proxies.by_name.contains_key(&new.name) {
            return Err(Error::ProxyExists);
        }
        self.start_as(&mut proxies, new, address?)
    }

    /// Creates each proxy of the list, keeps those that exist with the same addresses, replaces those that differ; stops
    /// at the first failure.
    pub async fn populate(&self, list: &[NewProxy]) -> Populated {
        let mut done = Vec::new();
        for new in list {
            match self.populate_one(new).await {
                Ok(view) => done.push(view),
                Err(error) => return Populated { proxies: done, failure: Some(error) },
            }
            // A list may be long, and others want to run, too.
            tokio::task::yield_now().await;
        }
        Populated { proxies: done, failure: None }
    }

    async fn populate_one(&self, new: &NewProxy) -> Result<ProxyView, Error> {
        let address = self.resolve(new.listen()).await.map_err(Error::while_listening)?;
        let mut proxies = self.proxies.lock().await;
        if let Some(old) = proxies.by_name.get_mut(&new.name) {
            if old.upstream == new.upstream && old.is_at(new.listen(), address) {
                return Ok((&*old).into());
            }
            old.stop().await;
        }
        self.start_as(&mut proxies, new, address)
    }

    /// Changes addresses or state. A change of address closes all connections; toxics stay.
    pub async fn update(
        &self,
        name: &str,
        change: impl FnOnce() -> Result<ProxyChange, Error>,
    ) -> Result<ProxyView, Error> {
        self.get(name).await?;
        let ProxyChange { listen, upstream, enabled } = change()?;
        let listen = match listen {
            Some(listen) => Some((self.resolve(&listen).await?, listen)),
            None => None,
        };
        let mut proxies = self.proxies.lock().await;
        let proxy = proxies.find(name)?;
        let enabled = enabled.unwrap_or(proxy.is_running());
        let listen = listen.filter(|(address, listen)| !proxy.is_at(listen, *address));
        let upstream = upstream.filter(|upstream| *upstream != proxy.upstream);
        if listen.is_some() || upstream.is_some() {
            proxy.stop().await;
        }
        if let Some((address, listen)) = listen {
            proxy.move_to(listen, address);
        }
        if let Some(upstream) = upstream {
            proxy.upstream = upstream;
        }
        if enabled {
            proxy.start()?;
        } else {
            proxy.stop().await;
        }
        Ok((&*proxy).into())
    }

    pub async fn delete(&self, name: &str) -> Result<(), Error> {
        let mut proxies = self.proxies.lock().await;
        let mut proxy = proxies.by_name.remove(name).ok_or(Error::ProxyNotFound)?;
        proxy.stop().await;
        Ok(())
    }

    /// Starts every stopped proxy and removes all toxics.
    pub async fn reset(&self) -> Result<(), Error> {
        let mut proxies = self.proxies.lock().await;
        for proxy in proxies.by_name.values_mut() {
            proxy.start()?;
            proxy.set_toxics(Vec::new()).await;
        }
        Ok(())
    }

    pub async fn toxics(&self, proxy: &str) -> Result<Vec<ToxicView>, Error> {
        let mut proxies = self.proxies.lock().await;
        Ok(proxies.find(proxy)?.toxics().map(|toxic| ToxicView::from(&**toxic)).collect())
    }

    pub async fn toxic(&self, proxy: &str, name: &str) -> Result<ToxicView, Error> {
        let mut proxies = self.proxies.lock().await;
        let toxic = proxies.find(proxy)?.toxic(name).ok_or(Error::ToxicNotFound)?;
        Ok(ToxicView::from(&**toxic))
    }

    /// Adds a toxic behind the others of its direction and returns when every live connection meets it.
    pub async fn add_toxic(
        &self,
        proxy: &str,
        new: impl FnOnce() -> Result<NewToxic, Error>,
    ) -> Result<ToxicView, Error> {
        let mut proxies = self.proxies.lock().await;
        proxies.find(proxy)?;
        let new = new()?.resolve()?;
        proxies.toxics_created += 1;
        let id = proxies.toxics_created;
        let proxy = proxies.find(proxy)?;
        if proxy.toxic(&new.name).is_some() {
            return Err(Error::ToxicExists);
        }
        let attributes = new.attributes()?;
        let stream = new.direction.name();
        let affected = self.engine.metrics.affected(&proxy.name, &new.name, new.kind.name, stream);
        let toxic = Toxic {
            id,
            revision: 0,
            stages: Arc::new((new.kind.stages)()),
            name: new.name,
            kind: new.kind,
            direction: new.direction,
            stream: new.stream,
            toxicity: new.toxicity,
            attributes,
            affected,
        };
        let view = ToxicView::from(&toxic);
        let with_it = proxy.toxics().cloned().chain([Arc::new(toxic)]).collect();
        proxy.set_toxics(with_it).await;
        Ok(view)
    }

    /// Changes a toxic and returns when every live connection meets it as changed.
    pub async fn update_toxic(
        &self,
        proxy: &str,
        name: &str,
        change: impl FnOnce() -> Result<ToxicChange, Error>,
    ) -> Result<ToxicView, Error> {
        let mut proxies = self.proxies.lock().await;
        let proxy = proxies.find(proxy)?;
        let old = proxy.toxic(name).ok_or(Error::ToxicNotFound)?;
        let changed = Arc::new(change()?.apply(old)?);
        let view = ToxicView::from(&*changed);
        let replace =
            |toxic: &Arc<Toxic>| Arc::clone(if toxic.id == changed.id { &changed } else { toxic });
        let toxics = proxy.toxics().map(replace).collect();
        proxy.set_toxics(toxics).await;
        Ok(view)
    }

    /// Removes a toxic; data it held back is delivered at once.
    pub async fn remove_toxic(&self, proxy: &str, name: &str) -> Result<(), Error> {
        let mut proxies = self.proxies.lock().await;
        let proxy = proxies.find(proxy)?;
        let id = proxy.toxic(name).ok_or(Error::ToxicNotFound)?.id;
        let without = proxy.toxics().filter(|toxic| toxic.id != id).cloned().collect();
        proxy.set_toxics(without).await;
        Ok(())
    }

    /// Closes every listener and connection, and lets none come again.
    pub async fn close(&self) {
        self.engine.descriptors.close();
        for proxy in self.proxies.lock().await.by_name.values_mut() {
            proxy.stop().await;
        }
    }

    async fn resolve(&self, listen: &str) -> Result<SocketAddr, Error> {
        address::resolve(&self.engine.resolver, listen, self.engine.reach).await
    }

    /// Makes a proxy and, unless it is to be disabled, starts it; only then it is known by its name.
    fn start_as(
        &self,
        proxies: &mut Proxies,
        new: &NewProxy,
        address: SocketAddr,
    ) -> Result<ProxyView, Error> {
        let mut proxy = Proxy::new(&self.engine, new, address);
        if new.enabled {
            proxy.start()?;
        }
        let view = ProxyView::from(&proxy);
        proxies.by_name.insert(new.name.clone(), proxy);
        Ok(view)
    }
}

impl Proxies {
    fn find(&mut self, name: &str) -> Result<&mut Proxy, Error> {
        self.by_name.get_mut(name).ok_or(Error::ProxyNotFound)
    }
}
