//! Passwords and signing keys for one stack; knows nothing of what they protect.

use uuid::Uuid;

/// 244 random bits in hexadecimal.
pub fn random_secret() -> String {
    Uuid::new_v4().simple().to_string() + &Uuid::new_v4().simple().to_string()
}
