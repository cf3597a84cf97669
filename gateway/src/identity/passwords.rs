//! Hashing passwords, so slowly that nobody can try many and so bounded that nobody can make us try
//! many.
//!
//! Argon2id (RFC 9106) takes tens of milliseconds and some MiB by intention. So only as many are
//! hashed at once as there are threads for it, only so many more wait, and everybody else is told
//! at once that it is full: a flood of logins costs its share of processors and not more. Sales do
//! not notice.

use std::num::NonZeroUsize;
use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use crate::config::secrets::random_bytes;
use crate::http::problem::{ApiError, Code};

/// Bytes of salt (RFC 9106, 3.1).
const SALT_BYTES: usize = 16;

/// What hashing costs, and how much of it there may be.
#[derive(Debug, Clone, Copy)]
pub struct PasswordConfig {
    /// Memory of one hash, in KiB.
    pub memory_kib: u32,
    /// Passes over that memory.
    pub passes: u32,
    /// Hashes at once.
    pub threads: NonZeroUsize,
    /// Hashes that may wait.
    pub waiting_max: usize,
}

/// Hashes and verifies passwords.
pub struct Passwords {
    hasher: Argon2<'static>,
    /// Held by whoever waits or works.
    places: Semaphore,
    /// Held by whoever works.
    threads: Arc<Semaphore>,
    /// Of a password that nobody knows, so that an unknown login takes as long as a known one.
    nobody: Box<str>,
}

impl Passwords {
    /// Makes ready; hashes once, which shows that the parameters are possible.
    ///
    /// # Errors
    /// Parameters that Argon2 does not take.
    pub fn new(config: &PasswordConfig) -> anyhow::Result<Self> {
        let params = Params::new(config.memory_kib, config.passes, 1, None)
            .map_err(|error| anyhow::anyhow!("password parameters: {error}"))?;
        let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let nobody = hash(&hasher, &random_bytes::<SALT_BYTES>())
            .map_err(|error| anyhow::anyhow!("hash a password: {error}"))?;
        let threads = config.threads.get();
        Ok(Self {
            hasher,
            places: Semaphore::new(threads + config.waiting_max),
            threads: Arc::new(Semaphore::new(threads)),
            nobody,
        })
    }

    /// The hash of a password, in PHC string format.
    ///
    /// # Errors
    /// [`Code::Busy`] where too many wait.
    pub async fn hash(&self, password: String) -> Result<Box<str>, ApiError> {
        let hasher = self.hasher.clone();
        let hashed = self.work(move || hash(&hasher, password.as_bytes())).await?;
        hashed.map_err(ApiError::internal)
    }

    /// Whether this is the password of that hash. Without a hash the answer is no, and takes as
    /// long.
    ///
    /// # Errors
    /// [`Code::Busy`] where too many wait.
    pub async fn verify(&self, password: String, hash: Option<&str>) -> Result<bool, ApiError> {
        let is_known = hash.is_some();
        let text: Box<str> = hash.unwrap_or(&self.nobody).into();
        let hasher = self.hasher.clone();
        let is_right = self.work(move || {
            let parsed = PasswordHash::new(&text).map_err(|error| error.to_string())?;
            Ok::<_, String>(hasher.verify_password(password.as_bytes(), &parsed).is_ok())
        });
        Ok(is_right.await?.map_err(ApiError::internal)? && is_known)
    }

    async fn work<T: Send + 'static>(
        &self,
        step: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let full = |_| ApiError::new(Code::Busy).detail("too many people log in at once");
        let _place = self.places.try_acquire().map_err(full)?;
        let thread = self.threads.clone().acquire_owned().await.map_err(ApiError::internal)?;
        // The thread is busy until it is done, even if whoever asked has gone away.
        let work = tokio::task::spawn_blocking(move || {
            let result = step();
            drop(thread);
            result
        });
        work.await.map_err(ApiError::internal)
    }
}

fn hash(hasher: &Argon2<'_>, password: &[u8]) -> Result<Box<str>, String> {
    let salt = random_bytes::<SALT_BYTES>();
    let hashed = hasher.hash_password_with_salt(password, &salt);
    hashed.map(|hash| hash.to_string().into()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn quick(threads: usize, waiting_max: usize) -> Passwords {
        let threads = NonZeroUsize::new(threads).expect("not 0");
        let config = PasswordConfig { memory_kib: 64, passes: 1, threads, waiting_max };
        Passwords::new(&config).expect("good parameters")
    }

    #[actix_web::test]
    async fn only_the_password_is_right() {
        let passwords = quick(1, 8);
        let hash = passwords.hash("correct horse".into()).await.expect("hashed");
        assert!(hash.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{hash}");
        assert_ne!(hash, passwords.hash("correct horse".into()).await.expect("hashed"), "salted");
        let verify = |password: &str, hash: Option<&str>| {
            let (password, hash) = (password.to_owned(), hash.map(str::to_owned));
            let passwords = &passwords;
            async move { passwords.verify(password, hash.as_deref()).await.expect("verified") }
        };
        assert!(verify("correct horse", Some(&hash)).await);
        assert!(!verify("correct horsf", Some(&hash)).await);
        assert!(!verify("", Some(&hash)).await);
        assert!(!verify("correct horse", None).await);
    }

    #[actix_web::test]
    async fn a_hash_verifies_after_the_parameters_changed() {
        let hash = quick(1, 8).hash("correct horse".into()).await.expect("hashed");
        let threads = NonZeroUsize::MIN;
        let config = PasswordConfig { memory_kib: 128, passes: 2, threads, waiting_max: 8 };
        let other = Passwords::new(&config).expect("good parameters");
        assert!(other.verify("correct horse".into(), Some(&hash)).await.expect("verified"));
    }

    #[actix_web::test]
    async fn a_flood_is_refused_at_once() {
        let passwords = quick(1, 2);
        let held = passwords.threads.clone().acquire_owned().await.expect("a thread");
        let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(passwords.hash("x".into()))).collect();
        for waits in &mut waiting {
            assert!(waits.as_mut().now_or_never().is_none(), "it waits");
        }
        let refused = passwords.hash("x".into()).await.expect_err("full");
        assert_eq!(refused.code(), Code::Busy);
        drop(held);
        for waits in waiting {
            waits.await.expect("its turn came");
        }
    }
}
