//! What parsers complain of, in plain words and with the field that it is about. Knows serde's phrases; what a value should
//! have meant, the handlers know.

use std::error::Error;
use std::iter::successors;

use axum::extract::path::ErrorKind;
use axum::extract::rejection::{PathRejection, QueryRejection};
use serde_path_to_error::Path;

use crate::wire::FieldError;

/// Longest name of a field that is repeated, in characters: it may be the client's own.
pub const FIELD_LENGTH_MAX: usize = 100;
const TIME: &str = "a time such as 2030-05-01T19:00:00Z";
const UUID: &str = "a UUID";

/// About a JSON body.
pub fn of_json(error: &serde_path_to_error::Error<serde_json::Error>) -> FieldError {
    let text = error.inner().to_string();
    let place = format!(" at line {} column {}", error.inner().line(), error.inner().column());
    complaint("body", Some(error.path()), text.strip_suffix(&place).unwrap_or(&text))
}

/// About a query string.
pub fn of_query(rejection: &QueryRejection) -> FieldError {
    let mut causes =
        successors(rejection.source(), |cause: &&(dyn Error + 'static)| (*cause).source());
    let error: Option<&serde_path_to_error::Error<serde::de::value::Error>> =
        causes.find_map(|cause| cause.downcast_ref());
    match error {
        Some(error) => complaint("query", Some(error.path()), &error.inner().to_string()),
        None => complaint("query", None, ""),
    }
}

/// About a parameter of the path.
pub fn of_path(rejection: &PathRejection) -> FieldError {
    let PathRejection::FailedToDeserializePathParams(failed) = rejection else {
        return complaint("path", None, "");
    };
    match failed.kind() {
        ErrorKind::DeserializeError { key, message, .. } => complaint(key, None, message),
        ErrorKind::InvalidUtf8InPathParam { key } => FieldError {
            field: key.clone(),
            message: "this has to be UTF-8, percent-encoded".to_owned(),
        },
        _ => complaint("path", None, ""),
    }
}

/// A complaint about the field at `path`, or about the `whole` where that leads nowhere.
fn complaint(whole: &str, path: Option<&Path>, text: &str) -> FieldError {
    let (name, message) = in_plain_words(text);
    let path = path.filter(|path| path.iter().len() > 0).map(ToString::to_string);
    let field = match (path, name) {
        (Some(path), Some(name)) => format!("{path}.{name}"),
        (None, Some(name)) => name.to_owned(),
        (Some(path), None) => path,
        (None, None) => whole.to_owned(),
    };
    FieldError { field: field.chars().take(FIELD_LENGTH_MAX).collect(), message }
}

/// What is wrong, and the name of the field where the path ends above it.
fn in_plain_words(text: &str) -> (Option<&str>, String) {
    if let Some(name) = text.strip_prefix("missing field ") {
        return (Some(name.trim_matches('`')), "this is missing".to_owned());
    }
    if let Some(name) = text.strip_prefix("duplicate field ") {
        return (Some(name.trim_matches('`')), "this is given twice".to_owned());
    }
    let (complaint, expected) = text.rsplit_once(", expected ").unwrap_or((text, ""));
    let names = || expected.trim_start_matches("one of ").replace('`', "").replace(" or ", ", ");
    let message = match complaint {
        text if text.starts_with("unknown field") => {
            format!("there is no such field; there are {}", names())
        }
        text if text.starts_with("unknown variant") => format!("this is none of {}", names()),
        text if text.starts_with("invalid ") && !expected.is_empty() => {
            format!("this has to be {}", kind_in_words(expected))
        }
        text => value_in_words(text),
    };
    (None, message)
}

/// What a parser of some kind of value expects.
fn kind_in_words(expected: &str) -> String {
    match expected {
        "a string" => "a text".to_owned(),
        "a sequence" => "a list".to_owned(),
        "i32" => format!("a whole number from {} to {}", i32::MIN, i32::MAX),
        "u32" => format!("a whole number from 0 to {}", u32::MAX),
        "i64" => format!("a whole number from {} to {}", i64::MIN, i64::MAX),
        "an object" => "an object".to_owned(),
        other if other.contains("UUID") => UUID.to_owned(),
        other if other.contains("OffsetDateTime") => TIME.to_owned(),
        _ => "of another kind".to_owned(),
    }
}

/// What the parser of a single value said.
fn value_in_words(text: &str) -> String {
    let of_time = ["component", "literal", "trailing characters", "in range", "in the range"];
    match text {
        text if text.contains("UUID") => format!("this has to be {UUID}"),
        text if text.contains("integer") || text.contains("digit") => {
            "this has to be a whole number".to_owned()
        }
        "expected value" => "this has to be one of its words".to_owned(),
        text if text.starts_with("number too ") => "this number is out of range".to_owned(),
        text if of_time.iter().any(|phrase| text.contains(phrase)) => {
            format!("this has to be {TIME}")
        }
        _ => "this can't be read".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use axum::extract::Query;
    use serde::Deserialize;

    use super::of_query;
    use crate::wire::EventStatus;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct QueryParams {
        #[serde(rename = "status")]
        _status: Option<EventStatus>,
        #[serde(rename = "from", default, with = "time::serde::rfc3339::option")]
        _from: Option<time::OffsetDateTime>,
        #[serde(rename = "limit")]
        _limit: Option<u32>,
    }

    #[test]
    fn an_error_of_a_query_names_its_parameter_in_plain_words() {
        for (query, field, message) in [
            ("limit=x", "limit", "this has to be a whole number"),
            ("limit=", "limit", "this has to be a whole number"),
            ("limit=-1", "limit", "this has to be a whole number"),
            ("limit=4294967296", "limit", "this number is out of range"),
            ("from=x", "from", "this has to be a time such as 2030-05-01T19:00:00Z"),
            ("status=x", "status", "this is none of draft, published, cancelled, completed"),
            ("limit=1&limit=2", "limit", "this is given twice"),
            ("x=1", "x", "there is no such field; there are status, from, limit"),
        ] {
            let uri = format!("/?{query}").parse().unwrap();
            let error = of_query(&Query::<QueryParams>::try_from_uri(&uri).unwrap_err());
            assert_eq!((error.field.as_str(), error.message.as_str()), (field, message), "{query}");
        }
    }
}
