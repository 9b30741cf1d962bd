//! Argon2id with the parameters OWASP recommends, made expensive on purpose: so it runs on threads of its own, few at a
//! time, and who would have to wait too long is turned away.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use tokio::sync::Semaphore;

use super::AccountError;
use crate::domain::Password;

/// Hashes at work at once unless set otherwise: each takes a core and 19 MiB.
pub const AT_ONCE: usize = 4;
/// Requests that may wait for their turn.
const WAITING_MAX: usize = 64;
/// How long each waits at most.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// Hashes and verifies passwords, a bounded number at a time.
#[derive(Debug, Clone)]
pub struct Passwords {
    turns: Arc<Semaphore>,
    queue: Arc<Semaphore>,
    wait_max: Duration,
    /// What a password is verified against when there is no account.
    dummy: Arc<str>,
}

impl Passwords {
    /// Hashes at most `at_once` passwords at a time.
    ///
    /// # Errors
    /// None with argon2's own parameters, which is what this uses.
    pub fn new(at_once: usize) -> Result<Self, AccountError> {
        Ok(Self {
            turns: Arc::new(Semaphore::new(at_once)),
            queue: Arc::new(Semaphore::new(at_once + WAITING_MAX)),
            wait_max: WAIT_MAX,
            dummy: dummy_hash().map_err(|error| broken(&error))?.into(),
        })
    }

    /// The PHC string of a password under these random bits.
    ///
    /// # Errors
    /// [`AccountError::Busy`] when its turn doesn't come in time.
    pub async fn hash(&self, password: Password, salt: [u8; 32]) -> Result<String, AccountError> {
        self.in_turn("hash", move || hash(&password, salt)).await?
    }

    /// Whether the password fits the hash; without one the same work is done, and nothing fits.
    ///
    /// # Errors
    /// [`AccountError::Busy`] when its turn doesn't come in time.
    pub async fn verify(
        &self,
        password: Password,
        hash: Option<String>,
    ) -> Result<bool, AccountError> {
        let (is_somebodys, hash) = match hash {
            Some(hash) => (true, Arc::from(hash)),
            None => (false, Arc::clone(&self.dummy)),
        };
        let fits = self.in_turn("verify", move || verify(&password, &hash)).await??;
        Ok(fits & is_somebodys)
    }

    /// The turn ends with the work, not with the request: a client that goes away frees nothing early.
    async fn in_turn<T: Send + 'static>(
        &self,
        kind: &'static str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, AccountError> {
        let _queued = self.queue.try_acquire().map_err(|_full| AccountError::Busy)?;
        let turn = tokio::time::timeout(self.wait_max, Arc::clone(&self.turns).acquire_owned());
        let turn =
            turn.await.map_err(|_elapsed| AccountError::Busy)?.map_err(|closed| broken(&closed))?;
        metrics::counter!("ticketctl_password_hashes_total", "kind" => kind).increment(1);
        let work = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        work.await.map_err(|panicked| broken(&panicked))
    }
}

/// The PHC string of a password under these random bits. Takes long: never on a thread that serves requests.
pub fn hash(password: &Password, salt: [u8; 32]) -> Result<String, AccountError> {
    let hash = Argon2::default()
        .hash_password_with_salt(password.as_bytes(), &salt)
        .map_err(|error| broken(&error))?;
    Ok(hash.to_string())
}

/// The comparison takes the same time wherever two hashes differ.
fn verify(password: &Password, hash: &str) -> Result<bool, AccountError> {
    let hash = PasswordHash::new(hash).map_err(|error| broken(&error))?;
    match Argon2::default().verify_password(password.as_bytes(), &hash) {
        Ok(()) => Ok(true),
        Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
        Err(error) => Err(broken(&error)),
    }
}

/// A hash that no password is known to have, with the parameters of the real ones, so that verifying against it takes as
/// long.
fn dummy_hash() -> argon2::password_hash::Result<String> {
    let hash = PasswordHash {
        algorithm: Algorithm::default().ident(),
        version: Some(Version::default().into()),
        params: ParamsString::try_from(&Params::default())?,
        salt: Some(Salt::new(&[0; 32])?),
        hash: Some(Output::new(&[0; Params::DEFAULT_OUTPUT_LEN])?),
    };
    Ok(hash.to_string())
}

fn broken(error: &dyn std::error::Error) -> AccountError {
    AccountError::Broken(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password::parse(text.to_owned()).unwrap()
    }

    #[test]
    fn dummy_hash_costs_what_a_real_one_does() {
        let real = hash(&password("correct horse battery"), [7; 32]).unwrap();
        let dummy = dummy_hash().unwrap();
        let cost = |hash: &str| {
            let hash = PasswordHash::new(hash).unwrap();
            (hash.algorithm, hash.version, hash.params.to_string(), hash.hash.unwrap().len())
        };
        assert_eq!(cost(&dummy), cost(&real));
        assert!(real.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{real}");
    }

    #[tokio::test]
    async fn a_password_fits_its_own_hash_and_no_other() {
        let passwords = Passwords::new(1).unwrap();
        let hash = passwords.hash(password("correct horse battery"), [7; 32]).await.unwrap();
        for (typed, against, fits) in [
            ("correct horse battery", Some(hash.clone()), true),
            ("incorrect horse battery", Some(hash), false),
            ("correct horse battery", None, false),
        ] {
            let found = passwords.verify(password(typed), against).await.unwrap();
            assert_eq!(found, fits, "{typed}");
        }
    }

    #[tokio::test]
    async fn who_would_wait_too_long_is_turned_away() {
        let passwords =
            Passwords { wait_max: Duration::from_millis(20), ..Passwords::new(1).unwrap() };
        let turn = passwords.turns.acquire().await.unwrap();
        let waited = passwords.hash(password("correct horse battery"), [7; 32]).await;
        assert!(matches!(waited, Err(AccountError::Busy)), "{waited:?}");
        drop(turn);
        let queued = passwords.queue.forget_permits(1 + WAITING_MAX);
        let full = passwords.hash(password("correct horse battery"), [7; 32]).await;
        assert!(matches!(full, Err(AccountError::Busy)), "{full:?}");
        passwords.queue.add_permits(queued);
        assert!(passwords.hash(password("correct horse battery"), [7; 32]).await.is_ok());
    }
}
