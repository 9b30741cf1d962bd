//! The requests of the control API, parsed once from JSON; knows no HTTP.

use serde_json::Value;

use super::body::Fields;
use super::error::Error;
use super::toxic::{Direction, Toxic};
use super::toxics::{Attributes, Kind, TOXICS};

/// Longest name of a proxy or a toxic, bytes.
const NAME_BYTES_MAX: usize = 256;
/// Longest address, bytes: no host name has more than 253.
const ADDRESS_BYTES_MAX: usize = 300;
/// Where a proxy listens that is not told where.
const ANY_PORT: &str = "127.0.0.1:0";

/// A proxy to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewProxy {
    pub name: String,
    /// Absent: any free loopback port.
    pub listen: Option<String>,
    pub upstream: String,
    pub enabled: bool,
}

/// What to change about a proxy; absent fields stay. Without an upstream its connections close.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProxyChange {
    pub listen: Option<String>,
    pub upstream: Option<String>,
    pub enabled: Option<bool>,
}

/// A proxy as written, the right types in the right places and no more.
struct RawProxy {
    name: Option<String>,
    change: ProxyChange,
}

/// A toxic to create, as written: what it refers to is looked up by [`NewToxic::resolve`].
pub struct NewToxic {
    name: Option<String>,
    kind: String,
    stream: String,
    toxicity: f32,
    attributes: Value,
}

/// A toxic to create whose stream and type exist.
pub struct ResolvedToxic {
    pub name: String,
    pub kind: &'static Kind,
    pub direction: Direction,
    pub stream: String,
    pub toxicity: f32,
    attributes: Value,
}

/// What to change about a toxic; absent attributes stay.
pub struct ToxicChange {
    toxicity: Option<f32>,
    attributes: Value,
}

impl NewProxy {
    pub fn parse(value: &Value) -> Result<Self, Error> {
        RawProxy::parse(value)?.required(None)
    }

    /// Reads a list of proxies; `null` is an empty one. A wrong type anywhere counts before a field that is missing.
    pub fn parse_list(value: &Value) -> Result<Vec<Self>, Error> {
        let list = match value {
            Value::Null => return Ok(Vec::new()),
            Value::Array(list) => list,
            _ => return Err(Error::BadBody("expected a list of proxies".to_owned())),
        };
        let raw: Vec<_> = list.iter().map(RawProxy::parse).collect::<Result<_, _>>()?;
        (1..).zip(raw).map(|(position, raw)| raw.required(Some(position))).collect()
    }

    pub fn listen(&self) -> &str {
        self.listen.as_deref().unwrap_or(ANY_PORT)
    }
}

impl RawProxy {
    fn parse(value: &Value) -> Result<Self, Error> {
        let fields = Fields::of(value, "proxy")?;
        Ok(Self {
            name: text(&fields, "name", NAME_BYTES_MAX)?,
            change: ProxyChange {
                listen: text(&fields, "listen", ADDRESS_BYTES_MAX)?,
                upstream: text(&fields, "upstream", ADDRESS_BYTES_MAX)?,
                enabled: fields.boolean("enabled")?,
            },
        })
    }

    /// `position` is its place, from 1, in a list of several.
    fn required(self, position: Option<usize>) -> Result<NewProxy, Error> {
        let missing = |field| match position {
            Some(position) => Error::MissingFieldAt { field, position },
            None => Error::MissingField(field),
        };
        let ProxyChange { listen, upstream, enabled } = self.change;
        Ok(NewProxy {
            name: filled(self.name).ok_or_else(|| missing("name"))?,
            upstream: filled(upstream).ok_or_else(|| missing("upstream"))?,
            listen: filled(listen),
            enabled: enabled.unwrap_or(true),
        })
    }
}

impl ProxyChange {
    pub fn parse(value: &Value) -> Result<Self, Error> {
        let change = RawProxy::parse(value)?.change;
        let any_port =
            |listen: String| if listen.is_empty() { ANY_PORT.to_owned() } else { listen };
        Ok(Self { listen: change.listen.map(any_port), ..change })
    }
}

/// A text of at most `most` bytes: what is kept for each proxy and toxic is bounded.
fn text(fields: &Fields<'_>, field: &'static str, most: usize) -> Result<Option<String>, Error> {
    match fields.string(field)? {
        Some(text) if text.len() > most => Err(Error::TooLong { field, most }),
        text => Ok(text),
    }
}

/// For what is made anew, an empty text is none.
fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

impl NewToxic {
    pub fn parse(value: &Value) -> Result<Self, Error> {
        let fields = Fields::of(value, "toxic")?;
        Ok(Self {
            name: filled(text(&fields, "name", NAME_BYTES_MAX)?),
            kind: fields.string("type")?.unwrap_or_default(),
            stream: fields.string("stream")?.unwrap_or_else(|| "downstream".to_owned()),
            toxicity: fields.number("toxicity")?.unwrap_or(1.0),
            attributes: fields.value("attributes").cloned().unwrap_or_default(),
        })
    }

    pub fn resolve(self) -> Result<ResolvedToxic, Error> {
        let direction = Direction::parse(&self.stream).ok_or(Error::InvalidStream)?;
        let kind = TOXICS.iter().find(|kind| kind.name == self.kind).ok_or(Error::InvalidType)?;
        let default_name = || format!("{}_{}", kind.name, self.stream);
        Ok(ResolvedToxic {
            name: self.name.unwrap_or_else(default_name),
            kind,
            direction,
            toxicity: self.toxicity,
            attributes: self.attributes,
            stream: self.stream,
        })
    }
}

impl ResolvedToxic {
    pub fn attributes(&self) -> Result<Attributes, Error> {
        let mut attributes = Attributes::default();
        merge(&mut attributes, self.kind, &self.attributes)?;
        Ok(attributes)
    }
}

impl ToxicChange {
    pub fn parse(value: &Value) -> Result<Self, Error> {
        let fields = Fields::of(value, "toxic")?;
        let attributes = fields.value("attributes").cloned().unwrap_or_default();
        Ok(Self { toxicity: fields.number("toxicity")?, attributes })
    }

    /// The toxic as it is after this change.
    pub fn apply(&self, toxic: &Toxic) -> Result<Toxic, Error> {
        let mut changed = toxic.clone();
        merge(&mut changed.attributes, toxic.kind, &self.attributes)?;
        changed.toxicity = self.toxicity.unwrap_or(toxic.toxicity);
        changed.revision += 1;
        Ok(changed)
    }
}

fn merge(attributes: &mut Attributes, kind: &'static Kind, given: &Value) -> Result<(), Error> {
    let fields = Fields::of(given, "attributes")?;
    let known = || kind.attributes.iter().map(|attribute| attribute.name);
    let is_known = |name: &str| known().any(|known| known.eq_ignore_ascii_case(name));
    if let Some(unknown) = fields.names().find(|name| !kind.is_original && !is_known(name)) {
        let (kind, known) = (kind.name, known().collect::<Vec<_>>().join(", "));
        return Err(Error::BadBody(format!("{kind} knows no {unknown}, it has {known}")));
    }
    for attribute in kind.attributes {
        if let Some(value) = fields.integer(attribute.name)? {
            attributes.0.insert(attribute.name, value);
        }
    }
    Ok(())
}
