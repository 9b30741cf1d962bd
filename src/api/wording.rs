//! What parsers complain of, in plain words and with the field that it is about. Knows serde's phrases; what a value should
//! have meant, the handlers know.

use std::error::Error;
use std::iter::successors;

use axum::extract::path::ErrorKind;
use axum::extract::rejection::{PathRejection, QueryRejection};
use serde_path_to_error::Path;

use crate::wire::FieldError;

/// Longest name of a field that is repeated, in characters: it may be the client's own.
const FIELD_LENGTH_MAX: usize = 100;
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

    use super::*;
    use crate::api::error::ApiError;
    use crate::api::query;
    use crate::wire::{ChangeEvent, CreateEvent, CreateReservation, Credentials, EventStatus};

    fn of_body<T: serde::de::DeserializeOwned>(body: &str) -> (String, String) {
        match query::parse::<T>(body.as_bytes()).map(|_| ()) {
            Err(ApiError::Invalid(faults)) => (faults[0].field.clone(), faults[0].message.clone()),
            other => panic!("{body}: {other:?}"),
        }
    }

    #[test]
    fn a_fault_of_a_body_names_its_field_in_plain_words() {
        let time = "this has to be a time such as 2030-05-01T19:00:00Z";
        let uuid = "this has to be a UUID";
        let event = |field: &str| {
            let good = r#""title":"T","venue":"V","starts_at":"2030-05-01T19:00:00Z""#;
            of_body::<CreateEvent>(&format!("{{{good},{field}}}"))
        };
        let hold = |field: &str| {
            let event = r#""event_id":"018f6f2a-4c1b-7a3e-9d54-2f1c6b7a8e90""#;
            of_body::<CreateReservation>(&format!("{{{event},{field}}}"))
        };
        let change = of_body::<ChangeEvent>;
        let who = of_body::<Credentials>;
        let whole = "this has to be a whole number from";
        for (got, field, message) in [
            (who("{}"), "email", "this is missing"),
            (who(r#"{"email":1}"#), "email", "this has to be a text"),
            (
                who(r#"{"email":"a","password":"b","role":"admin"}"#),
                "role",
                "there is no such field; there are email, password",
            ),
            (who(r#"{"email":"a","email":"a"}"#), "email", "this is given twice"),
            (
                hold(r#""seat_ids":[1,"2"]"#),
                "seat_ids[1]",
                &format!("{whole} -9223372036854775808 to 9223372036854775807"),
            ),
            (hold(r#""seat_ids":7"#), "seat_ids", "this has to be a list"),
            (hold(r#""quantity":-1"#), "quantity", &format!("{whole} 0 to 4294967295")),
            (hold(r#""quantity":1.5"#), "quantity", &format!("{whole} 0 to 4294967295")),
            (of_body::<CreateReservation>(r#"{"event_id":"x"}"#), "event_id", uuid),
            (of_body::<CreateReservation>(r#"{"event_id":7}"#), "event_id", uuid),
            (
                event(r#""general_admission":{"quantity":1}"#),
                "general_admission.price_cents",
                "this is missing",
            ),
            (
                event(r#""general_admission":[1,2]"#),
                "general_admission",
                "this has to be an object",
            ),
            (
                event(r#""tickets_per_user_max":99999999999"#),
                "tickets_per_user_max",
                &format!("{whole} -2147483648 to 2147483647"),
            ),
            (change(r#"{"starts_at":"tomorrow"}"#), "starts_at", time),
            (change(r#"{"starts_at":"2030-13-01T00:00:00Z"}"#), "starts_at", time),
            (change(r#"{"starts_at":"2030-02-30T00:00:00Z"}"#), "starts_at", time),
            (change(r#"{"starts_at":"2030-01-01T00:00:00Zx"}"#), "starts_at", time),
            (change(r#"{"starts_at":7}"#), "starts_at", time),
            (
                change(r#"{"status":"sold"}"#),
                "status",
                "this is none of draft, published, cancelled, completed",
            ),
            (change(r#"{"status":7}"#), "status", "this has to be one of its words"),
            (of_body::<Credentials>("[1]"), "body", "this has to be an object"),
        ] {
            assert_eq!((got.0.as_str(), got.1.as_str()), (field, message));
        }
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        #[serde(rename = "status")]
        _status: Option<EventStatus>,
        #[serde(rename = "from", default, with = "time::serde::rfc3339::option")]
        _from: Option<time::OffsetDateTime>,
        #[serde(rename = "limit")]
        _limit: Option<u32>,
    }

    #[test]
    fn a_fault_of_a_query_names_its_parameter_in_plain_words() {
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
            let fault = of_query(&Query::<Asked>::try_from_uri(&uri).unwrap_err());
            assert_eq!((fault.field.as_str(), fault.message.as_str()), (field, message), "{query}");
        }
    }

    #[test]
    fn a_field_of_the_clients_own_is_not_repeated_at_length() {
        let (field, _) = of_body::<Credentials>(&format!("{{\"{}\":1}}", "x".repeat(10_000)));
        assert_eq!(field.len(), FIELD_LENGTH_MAX);
    }
}
