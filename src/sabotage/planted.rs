//! A bug, put into a server: the server's parts as they pass through it, each on its way into the server. Without a bug they
//! pass as they are.

use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum::middleware;
use jsonwebtoken::EncodingKey;
use reqwest::Url;

use super::http::{self, Tools};
use super::leases::ReleasesOfOthers;
use super::payments::Misused;
use super::sql::{self, Changes, Proxy};
use super::{Bug, Way};
use crate::booking::strategies::Strategy;
use crate::locks::Node;
use crate::payments::PaymentProvider;
use crate::storage::Storage;

/// PostgreSQL's port where a URL names none.
const POSTGRES_PORT: u16 = 5432;

/// A bug at work in this process, or none.
#[derive(Debug)]
pub struct Planted {
    ways: &'static [Way],
    _proxy: Option<Proxy>,
}

/// What is told of the server to the bug.
pub struct ServerParts<'a> {
    /// Its storage.
    pub storage: &'a Storage,
    /// Signs access tokens.
    pub jwt_secret: &'a str,
}

impl Planted {
    /// Puts the bug in, as far as it is in the way to PostgreSQL; returns the URL that the server is to use. Ends with what it
    /// returns.
    ///
    /// # Errors
    /// The URL is no URL, or no port is free.
    pub async fn begin(
        bug: Option<&'static Bug>,
        database_url: &str,
    ) -> anyhow::Result<(Self, String)> {
        let ways = bug.map_or(&[][..], |bug| bug.ways);
        let Some(_) = bug else {
            return Ok((Self { ways, _proxy: None }, database_url.to_owned()));
        };
        let mut url = Url::parse(database_url).context("DATABASE_URL is not a URL")?;
        let host = url.host_str().context("DATABASE_URL names no host")?;
        let upstream = format!("{host}:{}", url.port().unwrap_or(POSTGRES_PORT));
        for way in ways {
            if let Way::Session(setting, value) = way {
                url.query_pairs_mut().append_pair(&format!("options[{setting}]"), value);
            }
        }
        let proxy = sql::start(upstream, changes(ways)).await?;
        if let Some(proxy) = &proxy {
            url.set_host(Some("127.0.0.1"))?;
            url.set_port(Some(proxy.port)).ok().context("DATABASE_URL takes no port")?;
        }
        Ok((Self { ways, _proxy: proxy }, url.into()))
    }

    /// The Redis nodes that the server asks: those that it was given, or in each of them a database of the server's own.
    pub fn redis_urls(&self, server: &str, urls: &[String]) -> Vec<String> {
        let own = self.ways.iter().any(|way| matches!(way, Way::OwnRedis));
        let number = server.rsplit('-').next().filter(|_| own);
        let of_server = |url: &String| match number {
            Some(number) => format!("{}/{number}", url.trim_end_matches('/')),
            None => url.clone(),
        };
        urls.iter().map(of_server).collect()
    }

    /// The nodes that answers are kept on.
    pub fn answer_nodes(&self, nodes: &Arc<[Node]>) -> Arc<[Node]> {
        let none = self.ways.iter().any(|way| matches!(way, Way::NoAnswerCache));
        if none { Arc::new([]) } else { Arc::clone(nodes) }
    }

    /// The payment provider.
    pub fn provider(&self, provider: Arc<dyn PaymentProvider>) -> Arc<dyn PaymentProvider> {
        self.ways.iter().fold(provider, |provider, way| match way {
            Way::Payments(misuse) => Arc::new(Misused { provider, misuse: *misuse }),
            _ => provider,
        })
    }

    /// The strategy, whose leases are on these nodes.
    pub fn strategy(&self, strategy: Arc<dyn Strategy>, nodes: &Arc<[Node]>) -> Arc<dyn Strategy> {
        self.ways.iter().fold(strategy, |strategy, way| match way {
            Way::ReleaseOfOthers => {
                Arc::new(ReleasesOfOthers { strategy, nodes: Arc::clone(nodes) })
            }
            _ => strategy,
        })
    }

    /// The routes.
    pub fn router(&self, router: Router, parts: &ServerParts<'_>) -> Router {
        let key = EncodingKey::from_secret(parts.jwt_secret.as_bytes());
        let tools = Arc::new(Tools::new(parts.storage.clone(), key));
        self.ways.iter().fold(router, |router, way| match way {
            Way::Http(tamper) => {
                let state = (*tamper, Arc::clone(&tools));
                router.layer(middleware::from_fn_with_state(state, http::around))
            }
            _ => router,
        })
    }
}

fn changes(ways: &[Way]) -> Changes {
    let rewrites = ways.iter().filter_map(|way| match way {
        Way::Sql(rewrite) => Some(*rewrite),
        _ => None,
    });
    let roll_back = ways.iter().find_map(|way| match way {
        Way::RollBackOneIn(many) => Some(*many),
        _ => None,
    });
    Changes::new(rewrites.collect(), roll_back)
}
