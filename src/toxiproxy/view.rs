//! Proxies and toxics as the control API answers with them; knows no HTTP.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::proxy::Proxy;
use super::toxic::Toxic;
use super::toxics::Attribute;

/// A proxy as the API shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProxyView {
    pub name: String,
    pub listen: String,
    pub upstream: String,
    pub enabled: bool,
    pub toxics: Vec<ToxicView>,
}

/// A toxic as the API shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ToxicView {
    pub attributes: BTreeMap<&'static str, i64>,
    pub name: String,
    pub r#type: &'static str,
    pub stream: String,
    #[serde(serialize_with = "as_go_writes_it")]
    pub toxicity: f32,
}

impl From<&Proxy> for ProxyView {
    fn from(proxy: &Proxy) -> Self {
        Self {
            name: proxy.name.clone(),
            listen: proxy.listen.clone(),
            upstream: proxy.upstream.clone(),
            enabled: proxy.is_running(),
            toxics: proxy.toxics().map(|toxic| ToxicView::from(&**toxic)).collect(),
        }
    }
}

impl From<&Toxic> for ToxicView {
    fn from(toxic: &Toxic) -> Self {
        let value = |attribute: &Attribute| (attribute.name, toxic.attributes.get(attribute));
        Self {
            attributes: toxic.kind.attributes.iter().map(value).collect(),
            name: toxic.name.clone(),
            r#type: toxic.kind.name,
            stream: toxic.stream.clone(),
            toxicity: toxic.toxicity,
        }
    }
}

/// Go writes 1, not 1.0.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
#[expect(clippy::cast_possible_truncation, reason = "only values that survive it are cast")]
fn as_go_writes_it<S: Serializer>(value: &f32, serializer: S) -> Result<S::Ok, S::Error> {
    if value.fract() == 0.0 && value.abs() < 1e9 {
        serializer.serialize_i64(*value as i64)
    } else {
        serializer.serialize_f32(*value)
    }
}
