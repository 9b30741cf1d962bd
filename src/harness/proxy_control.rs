//! The one place that talks to a Toxiproxy, ours or an official one; knows its control API, nothing of why faults are set.
//!
//! Built on the crate `toxiproxy_rust`, and around what it cannot do: it blocks, so it runs on blocking threads; it panics
//! when the server goes away and is unusable afterwards, so it is built anew after every failure; it ignores error
//! statuses, so changes are read back; toxics with a name of their own, single removals and metrics go over `reqwest`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use reqwest::{Method, StatusCode, Url};
use serde::{Deserialize, Serialize};
use toxiproxy_rust::client::Client;
use toxiproxy_rust::proxy::ProxyPack;

use super::exposition;

pub use super::exposition::Sample;

/// Longest wait for the server to be reachable at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for one call.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// A proxy to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxySpec {
    pub name: String,
    /// `host:port`; port 0 takes a free one.
    pub listen: String,
    pub upstream: String,
}

/// A proxy as created: `listen` is the address to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundProxy {
    pub name: String,
    pub listen: String,
}

/// A toxic to add.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToxicSpec {
    pub name: String,
    /// Toxiproxy's `type`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `upstream` or `downstream`.
    pub stream: String,
    /// The share of connections it works on, 0 to 1.
    pub toxicity: f64,
    pub attributes: BTreeMap<String, i64>,
}

/// A connection to one Toxiproxy server; cheap to clone.
#[derive(Clone)]
pub struct ProxyControl {
    url: Url,
    address: SocketAddr,
    http: reqwest::Client,
    /// `None` before the first use and after a failure.
    client: Arc<Mutex<Option<Client>>>,
}

impl ProxyControl {
    /// Makes sure that a Toxiproxy answers at `url`, such as `http://127.0.0.1:8474`.
    ///
    /// # Errors
    /// It does not within 5 seconds, or `HTTP_PROXY` would catch the calls.
    pub async fn connect(url: &str) -> anyhow::Result<Self> {
        let parsed = Url::parse(url).with_context(|| format!("{url} is not a URL"))?;
        let http = reqwest::Client::builder().no_proxy().timeout(CALL_TIMEOUT).build()?;
        let unreachable = || format!("no Toxiproxy answers at {url}; is it running?");
        let reach = async {
            let address = resolve(&parsed).await?;
            let version = http.get(parsed.join("version")?).send().await?;
            ensure!(version.status().is_success(), "its version is {}", version.status());
            anyhow::Ok(address)
        };
        let reached = tokio::time::timeout(CONNECT_TIMEOUT, reach).await;
        let address = reached.with_context(unreachable)?.with_context(unreachable)?;
        refuse_intercepted(address)?;
        Ok(Self { url: parsed, address, http, client: Arc::default() })
    }

    /// Creates the proxies, in order; those that exist with the same addresses stay as they are.
    pub async fn populate(&self, proxies: &[ProxySpec]) -> anyhow::Result<Vec<BoundProxy>> {
        let names: Vec<_> = proxies.iter().map(|proxy| proxy.name.as_str()).collect();
        let context = format!("can't create the proxies {}", names.join(", "));
        let packs: Vec<_> = proxies
            .iter()
            .cloned()
            .map(|proxy| ProxyPack::new(proxy.name, proxy.listen, proxy.upstream))
            .collect();
        let bound = self
            .client("populate", move |client| {
                let bound = client.populate(packs)?.into_iter().map(|proxy| proxy.proxy_pack);
                Ok(bound.map(|pack| BoundProxy { name: pack.name, listen: pack.listen }).collect())
            })
            .await;
        let bound: Vec<BoundProxy> = bound.with_context(|| context.clone())?;
        ensure!(bound.len() == proxies.len(), "{context}: the server made {}", bound.len());
        Ok(bound)
    }

    /// Adds a toxic and makes sure that the server has it as asked for.
    pub async fn add_toxic(&self, proxy: &str, toxic: &ToxicSpec) -> anyhow::Result<()> {
        let path = ["proxies", proxy, "toxics"];
        let context = || format!("can't add the toxic {} to {proxy}", toxic.name);
        let body = serde_json::to_vec(toxic)?;
        self.call(Method::POST, &path, body).await.with_context(context)?;
        let path = ["proxies", proxy, "toxics", &toxic.name];
        let text = self.call(Method::GET, &path, Vec::new()).await.with_context(context)?;
        let found: ToxicSpec = serde_json::from_str(&text).with_context(context)?;
        let attributes_match =
            toxic.attributes.iter().all(|(name, value)| found.attributes.get(name) == Some(value));
        let is_as_asked = found.kind == toxic.kind
            && found.stream == toxic.stream
            && (found.toxicity - toxic.toxicity).abs() < 1e-6
            && attributes_match;
        ensure!(is_as_asked, "{}: the server made it {found:?}", context());
        Ok(())
    }

    /// Removes one toxic; what it held back is delivered.
    pub async fn remove_toxic(&self, proxy: &str, name: &str) -> anyhow::Result<()> {
        let path = ["proxies", proxy, "toxics", name];
        let removed = self.call(Method::DELETE, &path, Vec::new()).await;
        removed.with_context(|| format!("can't remove the toxic {name} from {proxy}"))?;
        Ok(())
    }

    /// Opens a proxy, or closes it together with its connections, and makes sure of it.
    pub async fn set_enabled(&self, proxy: &str, enabled: bool) -> anyhow::Result<()> {
        let name = proxy.to_owned();
        let is_enabled = self
            .client("update", move |client| {
                let proxy = client.find_proxy(&name)?;
                if enabled {
                    proxy.enable()?;
                } else {
                    proxy.disable()?;
                }
                Ok(client.find_proxy(&name)?.proxy_pack.enabled)
            })
            .await
            .with_context(|| format!("can't set the proxy {proxy} to enabled = {enabled}"))?;
        ensure!(is_enabled == enabled, "the proxy {proxy} is still at enabled = {is_enabled}");
        Ok(())
    }

    /// Removes a proxy, its connections and its toxics, and makes sure of it.
    pub async fn delete_proxy(&self, proxy: &str) -> anyhow::Result<()> {
        let name = proxy.to_owned();
        let is_gone = self
            .client("delete", move |client| {
                client.find_proxy(&name)?.delete()?;
                Ok(!client.all()?.contains_key(&name))
            })
            .await
            .with_context(|| format!("can't delete the proxy {proxy}"))?;
        ensure!(is_gone, "the proxy {proxy} is still there");
        Ok(())
    }

    /// Heals everything: opens every proxy and removes every toxic, and makes sure of it.
    pub async fn reset(&self) -> anyhow::Result<()> {
        let ill = self.client("reset", |client| {
            client.reset()?;
            let proxies = client.all()?.into_values().map(|proxy| proxy.proxy_pack);
            let ill = proxies.filter(|proxy| !proxy.enabled || !proxy.toxics.is_empty());
            Ok(ill.map(|proxy| proxy.name).collect::<Vec<_>>())
        });
        let ill = ill.await.context("can't heal the proxies")?;
        ensure!(ill.is_empty(), "these proxies are not healed: {}", ill.join(", "));
        Ok(())
    }

    /// The server's counters; none where it does not serve metrics.
    pub async fn metrics(&self) -> anyhow::Result<Vec<Sample>> {
        let context = || format!("can't read the metrics of {}", self.url);
        let response = self.http.get(self.url.join("metrics")?).send().await;
        let response = response.with_context(context)?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(Vec::new());
        }
        let text = response.error_for_status().with_context(context)?.text().await;
        exposition::parse(&text.with_context(context)?).with_context(context)
    }

    /// Runs the blocking crate; a failure of any kind discards its client.
    async fn client<T: Send + 'static>(
        &self,
        what: &'static str,
        operation: impl FnOnce(&Client) -> Result<T, String> + Send + 'static,
    ) -> anyhow::Result<T> {
        let (address, shared) = (self.address, Arc::clone(&self.client));
        let running = tokio::task::spawn_blocking(move || {
            let kept = shared.lock().unwrap_or_else(PoisonError::into_inner).take();
            let client = kept.unwrap_or_else(|| Client::new(address));
            let result = operation(&client);
            if result.is_ok() {
                *shared.lock().unwrap_or_else(PoisonError::into_inner) = Some(client);
            }
            result
        });
        match tokio::time::timeout(CALL_TIMEOUT, running).await {
            Ok(Ok(Ok(value))) => Ok(value),
            Ok(Ok(Err(error))) => bail!("{what} failed at {}: {error}", self.url),
            Ok(Err(panic)) => Err(panic).context(format!("{what} broke off at {}", self.url)),
            Err(_elapsed) => bail!("{} did not answer within {CALL_TIMEOUT:?}", self.url),
        }
    }

    /// Calls the API directly; returns the body of a success, and the server's words for anything else.
    async fn call(&self, method: Method, path: &[&str], body: Vec<u8>) -> anyhow::Result<String> {
        let mut url = self.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.clear().extend(path);
        }
        let response = self.http.request(method, url).body(body).send().await?;
        let status = response.status();
        let text = response.text().await?;
        ensure!(status.is_success(), "the server says {status}: {}", text.trim());
        Ok(text)
    }
}

async fn resolve(url: &Url) -> anyhow::Result<SocketAddr> {
    let host = url.host_str().context("it names no host")?.trim_matches(['[', ']']);
    let port = url.port_or_known_default().context("it names no port")?;
    let mut found = tokio::net::lookup_host((host, port)).await?;
    found.next().with_context(|| format!("{host} has no address"))
}

/// The crate obeys `HTTP_PROXY` even for loopback addresses, and cannot be told otherwise but by the environment.
fn refuse_intercepted(address: SocketAddr) -> anyhow::Result<()> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let set = ["HTTP_PROXY", "http_proxy"].into_iter().find(|name| variable(name).is_some());
    let exempt = variable("NO_PROXY").or_else(|| variable("no_proxy")).unwrap_or_default();
    let ip = address.ip().to_string();
    let is_exempt = exempt.split(',').any(|entry| entry.trim() == "*" || entry.trim() == ip);
    match set {
        Some(name) if !is_exempt => {
            bail!("{name} would catch the calls to Toxiproxy; add {ip} to NO_PROXY")
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::toxiproxy::{self, Running, Settings};

    async fn server() -> (Running, ProxyControl) {
        let running = toxiproxy::start(Settings {
            host: "127.0.0.1".to_owned(),
            port: 0,
            seed: 7,
            proxy_metrics: true,
            runtime_metrics: false,
            allow_remote: false,
        });
        let running = running.await.unwrap();
        let control = ProxyControl::connect(&running.url()).await.unwrap();
        (running, control)
    }

    fn spec(name: &str, upstream: &str) -> ProxySpec {
        let upstream = upstream.to_owned();
        ProxySpec { name: name.to_owned(), listen: "127.0.0.1:0".to_owned(), upstream }
    }

    fn toxic(name: &str, kind: &str, attributes: &[(&str, i64)]) -> ToxicSpec {
        ToxicSpec {
            name: name.to_owned(),
            kind: kind.to_owned(),
            stream: "downstream".to_owned(),
            toxicity: 0.1,
            attributes: attributes
                .iter()
                .map(|(name, value)| ((*name).to_owned(), *value))
                .collect(),
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_fault_is_set_and_healed() {
        let (_running, control) = server().await;
        let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = upstream.local_addr().unwrap().to_string();
        let bound = control.populate(&[spec("server-1.redis", &address)]).await.unwrap();
        assert_eq!(bound[0].name, "server-1.redis");

        let slow = toxic("slow", "latency", &[("latency", 5), ("jitter", 1)]);
        control.add_toxic("server-1.redis", &slow).await.unwrap();
        let again = control.add_toxic("server-1.redis", &slow).await.unwrap_err();
        assert!(format!("{again:#}").contains("toxic already exists"), "{again:#}");
        control.remove_toxic("server-1.redis", "slow").await.unwrap();
        assert!(control.remove_toxic("server-1.redis", "slow").await.is_err());

        control.set_enabled("server-1.redis", false).await.unwrap();
        assert!(TcpStream::connect(&bound[0].listen).await.is_err());
        control.reset().await.unwrap();
        let _client = TcpStream::connect(&bound[0].listen).await.unwrap();
        upstream.accept().await.unwrap();
        let accepted = control.metrics().await.unwrap();
        let of_proxy = |sample: &&Sample| {
            sample.name == "ticketctl_proxy_connections_total"
                && sample.labels["proxy"] == "server-1.redis"
        };
        assert!(accepted.iter().find(of_proxy).is_some_and(|sample| sample.value >= 1.0));
        control.delete_proxy("server-1.redis").await.unwrap();
        assert!(control.set_enabled("server-1.redis", true).await.is_err());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_attribute_the_server_does_not_take_is_noticed() {
        let (_running, control) = server().await;
        control.populate(&[spec("db", "127.0.0.1:1")]).await.unwrap();
        let odd = toxic("odd", "latency", &[("latncy", 5)]);
        let error = control.add_toxic("db", &odd).await.unwrap_err();
        assert!(format!("{error:#}").contains("the server made it"), "{error:#}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_absent_server_is_an_error_that_names_it_and_one_that_comes_back_works_again() {
        let (running, control) = server().await;
        control.reset().await.unwrap();
        let (url, port) = (running.url(), running.addr().port());
        running.shutdown().await;
        assert!(control.reset().await.is_err());
        let start = Instant::now();
        let error = ProxyControl::connect(&url).await.err().unwrap();
        assert!(format!("{error:#}").contains(&url), "{error:#}");
        assert!(start.elapsed() < Duration::from_secs(6));
        let settings = Settings {
            host: "127.0.0.1".to_owned(),
            port,
            seed: 7,
            proxy_metrics: false,
            runtime_metrics: false,
            allow_remote: false,
        };
        let _back = toxiproxy::start(settings).await.unwrap();
        control.reset().await.unwrap();
        assert_eq!(control.metrics().await.unwrap(), [], "no metrics are served this time");
    }
}
