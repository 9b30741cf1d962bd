//! Reads request bodies the way Go's JSON decoder does, which is what clients were written against: the first value counts,
//! keys match in any case, unknown keys and `null` are ignored; knows no HTTP.

use serde_json::{Map, Value};

use super::error::Error;

/// The first JSON value of a body; what follows it is ignored.
pub fn first_value(body: &[u8]) -> Result<Value, Error> {
    let mut values = serde_json::Deserializer::from_slice(body).into_iter::<Value>();
    match values.next() {
        Some(Ok(value)) => Ok(value),
        None => Err(Error::BadBody("EOF".to_owned())),
        Some(Err(error)) if error.is_eof() => Err(Error::BadBody("unexpected EOF".to_owned())),
        Some(Err(error)) => Err(Error::BadBody(error.to_string())),
    }
}

/// The fields of a JSON object.
pub struct Fields<'a>(Option<&'a Map<String, Value>>);

impl<'a> Fields<'a> {
    /// `null` counts as an object without fields; `what` names the value in the error.
    pub fn of(value: &'a Value, what: &str) -> Result<Self, Error> {
        match value {
            Value::Object(object) => Ok(Self(Some(object))),
            Value::Null => Ok(Self(None)),
            _ => Err(wrong(what, "an object")),
        }
    }

    /// The names of all fields, as they are written.
    pub fn names(&self) -> impl Iterator<Item = &'a str> {
        self.0.into_iter().flat_map(Map::keys).map(String::as_str)
    }

    /// A field that is there and not `null`.
    pub fn value(&self, name: &str) -> Option<&'a Value> {
        let object = self.0?;
        let exact = object.get(name);
        let value = exact.or_else(|| {
            object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
        })?;
        (!value.is_null()).then_some(value)
    }

    pub fn string(&self, name: &str) -> Result<Option<String>, Error> {
        self.typed(name, "a string", |value| value.as_str().map(str::to_owned))
    }

    pub fn boolean(&self, name: &str) -> Result<Option<bool>, Error> {
        self.typed(name, "a boolean", Value::as_bool)
    }

    /// A number of 32 bits, as Toxiproxy's are.
    pub fn number(&self, name: &str) -> Result<Option<f32>, Error> {
        #[expect(clippy::cast_possible_truncation, reason = "what it makes infinite is refused")]
        let read = |value: &Value| value.as_f64().map(|number| number as f32);
        self.typed(name, "a number of 32 bits", |value| read(value).filter(|n| n.is_finite()))
    }

    pub fn integer(&self, name: &str) -> Result<Option<i64>, Error> {
        // "-0" is a whole number, and the only one that the parser makes a float of.
        let zero = |value: &Value| value.as_f64().filter(|n| n.to_bits() == (-0.0_f64).to_bits());
        self.typed(name, "a whole number", |value| value.as_i64().or(zero(value).map(|_| 0)))
    }

    fn typed<T>(
        &self,
        name: &str,
        expected: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        match self.value(name) {
            None => Ok(None),
            Some(value) => read(value).map(Some).ok_or_else(|| wrong(name, expected)),
        }
    }
}

fn wrong(name: &str, expected: &str) -> Error {
    Error::BadBody(format!("{name} must be {expected}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_the_first_value_counts() {
        assert_eq!(first_value(b" [1] trailing").unwrap(), json!([1]));
        for (body, detail) in [("", "EOF"), ("  ", "EOF"), ("{\"a\":", "unexpected EOF")] {
            let error = first_value(body.as_bytes()).unwrap_err();
            assert_eq!(error, Error::BadBody(detail.to_owned()), "{body:?}");
        }
        assert!(first_value(b"nonsense").is_err());
    }

    #[test]
    fn minus_nothing_is_a_whole_number() {
        let value = first_value(br#"{"latency": -0}"#).unwrap();
        assert_eq!(Fields::of(&value, "attributes").unwrap().integer("latency").unwrap(), Some(0));
    }

    #[test]
    fn keys_match_in_any_case_and_null_is_absent() {
        let value = json!({"NAME": "db", "enabled": null, "other": 1});
        let fields = Fields::of(&value, "proxy").unwrap();
        assert_eq!(fields.string("name").unwrap().as_deref(), Some("db"));
        assert_eq!(fields.boolean("enabled").unwrap(), None);
        assert_eq!(fields.string("listen").unwrap(), None);
    }

    #[test]
    fn a_wrong_type_names_the_field() {
        let value = json!({"latency": 1.5, "name": 3});
        let fields = Fields::of(&value, "attributes").unwrap();
        let error = fields.integer("latency").unwrap_err().to_string();
        assert_eq!(error, "bad request body: latency must be a whole number");
        assert!(fields.string("name").is_err());
        assert!(fields.number("name").is_ok_and(|number| number == Some(3.0)));
        let value = json!({"toxicity": 1e39});
        assert!(Fields::of(&value, "toxic").unwrap().number("toxicity").is_err());
        assert!(Fields::of(&json!([]), "attributes").is_err());
    }
}
