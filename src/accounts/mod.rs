//! Who somebody is: registering, logging in, and the tokens that prove it afterwards. Knows nothing of seats.
//!
//! Nobody learns from here whether an address has an account: neither by an answer nor by the time it takes. Registering
//! does the same work and says the same whether the address was free or not, and so does a login whether the address is
//! unknown or the password wrong.

/// Argon2id, off the request threads.
pub mod password;
/// Access and refresh tokens.
pub mod token;
/// What can go wrong.
pub mod error;

use std::time::Duration;

use jsonwebtoken::EncodingKey;

pub use error::AccountError;
pub use password::Passwords;

use crate::domain::{Email, Password, Role, UserId};
use crate::entropy::Entropy;
use crate::storage::Storage;
use crate::storage::accounts::{self, User};
use crate::wire::Tokens;

/// Everything that signing in needs. Shared by all requests of a server.
pub struct Accounts {
    pub storage: Storage,
    /// Hashes passwords.
    pub passwords: Passwords,
    /// Signs access tokens.
    pub signing_key: EncodingKey,
    /// Ids, salts and refresh tokens.
    pub entropy: Entropy,
    /// How long tokens last.
    pub ttls: TokenTtls,
}

/// How long tokens last.
#[derive(Debug, Clone, Copy)]
pub struct TokenTtls {
    /// An access token, which cannot be taken back.
    pub access: Duration,
    /// A refresh token, which is good for one refresh.
    pub refresh: Duration,
}

impl Accounts {
    /// Adds a customer, or does nothing when the address is taken. The caller is not told which.
    pub async fn register(&self, email: &Email, password: Password) -> Result<(), AccountError> {
        let password_hash = self.passwords.hash(password, self.entropy.secret()).await?;
        let user = User { id: UserId(self.entropy.uuid()), role: Role::Customer, password_hash };
        self.storage
            .statement("register", async |mut connection| {
                accounts::register(&mut connection, email, &user).await
            })
            .await?;
        Ok(())
    }

    /// Tokens for the right password. The password is verified against something in any case.
    pub async fn login(&self, email: &Email, password: Password) -> Result<Tokens, AccountError> {
        // The connection is back in the pool before the hash is made, which takes long.
        let user = {
            let mut connection = self.storage.connection().await?;
            accounts::find(&mut connection, email).await?
        };
        let hash = user.as_ref().map(|user| user.password_hash.clone());
        let fits = self.passwords.verify(password, hash).await?;
        let user = user.filter(|_| fits).ok_or(AccountError::WrongCredentials)?;
        let (refresh, family) = (token::Refresh::new(&self.entropy), self.entropy.uuid());
        self.storage
            .statement("login", async |mut connection| {
                let owner = (family, user.id);
                accounts::start_family(&mut connection, owner, &refresh.hash(), self.ttls.refresh)
                    .await
            })
            .await?;
        self.tokens(user.id, user.role, &refresh)
    }

    /// New tokens for a refresh token, which is used up. One that was used before ends its whole family: somebody else
    /// has it, and which of the two is the thief can't be told.
    pub async fn refresh(&self, given: &str) -> Result<Tokens, AccountError> {
        let used = token::hash_of(given);
        let next = token::Refresh::new(&self.entropy);
        let rotated = self
            .storage
            .statement("refresh", async |mut connection| {
                accounts::rotate(&mut connection, &used, &next.hash(), self.ttls.refresh).await
            })
            .await?;
        if let Some((user, role)) = rotated {
            return self.tokens(user, role, &next);
        }
        let stolen_from = self
            .storage
            .statement("revoke", async |mut connection| {
                accounts::revoke_if_used(&mut connection, &used).await
            })
            .await?;
        if let Some(UserId(user)) = stolen_from {
            metrics::counter!("ticketctl_refresh_tokens_reused_total").increment(1);
            tracing::warn!(%user, "a refresh token was used twice, its login is ended");
        }
        Err(AccountError::TokenRefused)
    }

    /// Ends the login that a refresh token belongs to. One that is unknown belongs to none.
    pub async fn logout(&self, given: &str) -> Result<(), AccountError> {
        let token = token::hash_of(given);
        self.storage
            .statement("logout", async |mut connection| {
                accounts::revoke(&mut connection, &token).await
            })
            .await?;
        Ok(())
    }

    fn tokens(
        &self,
        user: UserId,
        role: Role,
        refresh: &token::Refresh,
    ) -> Result<Tokens, AccountError> {
        Ok(Tokens {
            access_token: token::access(&self.signing_key, user, role, self.ttls.access)?,
            expires_in: self.ttls.access.as_secs(),
            refresh_token: refresh.to_text(),
            user_id: user.0,
            role: role.name().to_owned(),
        })
    }
}
