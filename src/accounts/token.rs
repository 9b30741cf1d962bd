//! Access tokens, which prove by their signature; refresh tokens, which are random and known by their hash.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{EncodingKey, Header};
use sha2::{Digest as _, Sha256};

use super::AccountError;
use crate::clock;
use crate::domain::{Role, UserId};
use crate::entropy::Entropy;
use crate::storage::accounts::TokenHash;
use crate::wire::{Claims, TOKEN_ISSUER};

/// 256 random bits.
pub struct Refresh([u8; 32]);

impl Refresh {
    /// A new one.
    pub fn new(entropy: &Entropy) -> Self {
        Self(entropy.secret())
    }

    /// As the client gets it.
    pub fn to_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// As the database keeps it.
    pub fn hash(&self) -> TokenHash {
        hash_of(&self.to_text())
    }
}

/// As the database keeps what a client gave. Looking it up by this takes no time that tells anything of the token.
pub fn hash_of(text: &str) -> TokenHash {
    Sha256::digest(text).into()
}

/// An access token that ends `ttl` from now.
pub fn access(
    key: &EncodingKey,
    user: UserId,
    role: Role,
    ttl: Duration,
) -> Result<String, AccountError> {
    let claims = Claims {
        sub: user.0,
        role: role.name().to_owned(),
        iss: TOKEN_ISSUER.to_owned(),
        exp: (clock::since_epoch() + ttl).as_secs(),
    };
    jsonwebtoken::encode(&Header::default(), &claims, key)
        .map_err(|error| AccountError::Broken(error.to_string()))
}
