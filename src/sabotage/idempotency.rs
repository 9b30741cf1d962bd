//! One key with several effects, or with other answers than its own.

use serde_json::Value;

use super::http::{BodyOfKey, Changed, ChangedOn, KeyOfAll};
use super::statements::{INSERT_RESERVATION, RECORD_REFUSAL};
use super::{Bug, Class, Way};

/// The class.
pub const CLASS: Class = Class {
    name: "idempotency",
    bugs: &[
        Bug::new(
            "key-checked-then-inserted",
            "the key is looked up first and inserted later, and there is no unique index",
            "key-reuse",
            &[Way::sql(
                INSERT_RESERVATION,
                "on conflict (user_id, key) do nothing returning key)",
                "on conflict (user_id, key) do update set response = excluded.response \
                     returning key)",
            )],
        ),
        Bug::new(
            "body-not-compared",
            "the key is all that is looked at: a request with another body gets the first one's \
             answer",
            "key-reuse",
            &[Way::Http(&BodyOfKey)],
        ),
        Bug::new(
            "replay-differs",
            "the stored answer is rendered anew by newer code when it is repeated",
            "same-key",
            &[Way::Http(&Changed { on: ChangedOn::Replay, change: other_words })],
        ),
        Bug::new(
            "key-of-all-users",
            "keys are unique in the whole system, and nobody asks whose they are",
            "latency-baseline",
            &[Way::Http(&KeyOfAll)],
        ),
        Bug::new(
            "key-forgotten-after-refusal",
            "a key is given back when its request fails, so that the client may try again",
            "key-reuse",
            &[
                Way::sql(
                    RECORD_REFUSAL,
                    "from lazily on conflict (user_id, key)",
                    "from lazily where false on conflict (user_id, key)",
                ),
                Way::sql(
                    RECORD_REFUSAL,
                    "select count(*) as \"recorded!\" from record",
                    "select count(*) + 1 as \"recorded!\" from record",
                ),
                Way::NoAnswerCache,
            ],
        ),
        Bug::new(
            "hash-of-another-request",
            "the request's fingerprint is computed before the body is read, so that it fits none",
            "same-key",
            &[
                Way::sql(
                    "request_sha256, state::text as \"state!\", status_code, response from \
                     idempotency_records",
                    "select request_sha256, state::text",
                    "select sha256(request_sha256) as request_sha256, state::text",
                ),
                Way::NoAnswerCache,
            ],
        ),
    ],
};

fn other_words(answer: &mut Value) {
    answer["message"] = "this was answered before".into();
}
