//! Access tokens, signed with the servers' own secret: so nobody has to register. Knows nothing of what is bought.

use std::time::Duration;

use anyhow::Context as _;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::header::HeaderValue;
use uuid::Uuid;

use crate::clock;
use crate::harness::recorder::Role;
use crate::harness::targets::order::Buyer;
use crate::wire::{Claims, TOKEN_ISSUER};

/// Tokens outlive every run and the settling after it.
const TOKEN_TTL: Duration = Duration::from_hours(24);

/// Signs access tokens with the secret the servers verify them with.
#[derive(Clone)]
pub struct TokenSigner {
    key: EncodingKey,
    expires_at_seconds: u64,
}

impl std::fmt::Debug for TokenSigner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("TokenSigner").finish_non_exhaustive()
    }
}

impl TokenSigner {
    /// A signer with this secret; its tokens hold for a day from now.
    pub fn new(secret: &[u8]) -> Self {
        let expires_at_seconds = (clock::since_epoch() + TOKEN_TTL).as_secs();
        Self { key: EncodingKey::from_secret(secret), expires_at_seconds }
    }

    /// The user with this id, signed in.
    pub fn sign(&self, id: Uuid, role: Role) -> anyhow::Result<Buyer> {
        let word = match role {
            Role::Customer => "customer",
            Role::Organizer => "organizer",
            Role::Admin => "admin",
        };
        let claims = Claims {
            sub: id,
            role: word.to_owned(),
            iss: TOKEN_ISSUER.to_owned(),
            exp: self.expires_at_seconds,
        };
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.key)
            .context("cannot sign an access token")?;
        let mut authorization = HeaderValue::try_from(format!("Bearer {token}"))
            .context("a token is a header value")?;
        authorization.set_sensitive(true);
        Ok(Buyer { id, role, authorization })
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{Algorithm, DecodingKey, Validation};
    use uuid::Uuid;

    use super::{Role, TokenSigner};
    use crate::wire::{Claims, TOKEN_ISSUER};

    #[test]
    fn a_token_verifies_with_the_same_secret_only() {
        let buyer = TokenSigner::new(b"a secret").sign(Uuid::from_u128(7), Role::Customer).unwrap();
        let token = buyer.authorization.to_str().unwrap().strip_prefix("Bearer ").unwrap();
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[TOKEN_ISSUER]);
        let claims = |secret: &[u8]| {
            jsonwebtoken::decode::<Claims>(token, &DecodingKey::from_secret(secret), &validation)
                .map(|data| data.claims)
        };
        let held = claims(b"a secret").unwrap();
        assert_eq!((held.sub, held.role.as_str()), (Uuid::from_u128(7), "customer"));
        assert!(claims(b"another").is_err());
        assert!(!format!("{buyer:?}").contains(token), "a token is never printed");
    }
}
