//! What can be wrong with an answer: a kind, and what was told and should have been.

use std::fmt::Debug;

/// A kind of violation, and what is wrong.
pub type Wrong = (&'static str, String);

/// Wrong, if what was told is not what is right.
pub fn other<T: PartialEq + Debug>(kind: &'static str, right: &T, told: &T) -> Option<Wrong> {
    (right != told).then(|| (kind, format!("{told:?}, and it is {right:?}")))
}
