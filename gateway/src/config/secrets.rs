//! Keys: given, or made at the first start and kept in the data directory.
//!
//! Each key is a file of its own under `keys/`, readable by the owner only, in the form in which it
//! is used. A key that was given in the environment or the file is not written down. A file that
//! others can read is refused rather than mended: somebody may have read it.

use super::raw::RawConfig;
use super::{ConfigError, bad};
use anyhow::{Context as _, bail, ensure};
use rand::TryRng as _;
use std::fmt;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use subtle::ConstantTimeEq as _;

/// The fewest characters that a given key may have.
const KEY_CHARS_MIN: usize = 16;

/// Text that is never printed.
#[derive(Clone)]
pub struct Secret(Box<str>);

impl Secret {
    /// Takes a text as a secret.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The text, for the one place that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether this is the same text, in a time that does not depend on where they differ.
    pub fn is(&self, other: &str) -> bool {
        self.0.as_bytes().ct_eq(other.as_bytes()).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Keys that somebody gave.
#[derive(Debug, Clone, Default)]
pub struct GivenSecrets {
    organiser_key: Option<Secret>,
    operator_key: Option<Secret>,
    callback_secret: Option<Secret>,
}

impl GivenSecrets {
    /// Checks what was said: a key is nothing, or long enough and printable.
    pub fn check(raw: &RawConfig) -> Result<Self, ConfigError> {
        Ok(Self {
            organiser_key: given(raw, "organiser_key")?,
            operator_key: given(raw, "operator_key")?,
            callback_secret: given(raw, "callback_secret")?,
        })
    }
}

/// All keys that a server needs.
#[derive(Debug)]
pub struct Secrets {
    /// Bearer key of organisers.
    pub organiser_key: Secret,
    /// Bearer key of operators.
    pub operator_key: Secret,
    /// What payment callbacks are signed with.
    pub callback_secret: Secret,
    /// What external ids are tagged with.
    pub id_key: [u8; 16],
    /// What refresh tokens are tagged and logins hashed with.
    pub identity_key: Secret,
    /// What documents are hashed with, of shows that ask who comes.
    pub document_key: Secret,
    /// Files that this start made, for telling the person who started it.
    pub made: Vec<PathBuf>,
}

impl Secrets {
    /// Takes the given keys, reads the others from the data directory, and makes what is missing.
    pub fn load_or_make(data_dir: &Path, given: &GivenSecrets) -> anyhow::Result<Self> {
        let dir = keys_dir(data_dir)?;
        let mut made = Vec::new();
        let mut text = |name: &str, given: &Option<Secret>| match given {
            Some(secret) => Ok(secret.clone()),
            None => key_text(&dir.join(name), &mut made),
        };
        let organiser_key = text("organiser_key", &given.organiser_key)?;
        let operator_key = text("operator_key", &given.operator_key)?;
        let callback_secret = text("callback_secret", &given.callback_secret)?;
        let identity_key = text("identity_key", &None)?;
        let document_key = text("document_key", &None)?;
        let id_text = text("id_key", &None)?;
        let id_bytes = data_encoding::HEXLOWER
            .decode(id_text.reveal().as_bytes())
            .context("keys/id_key is not lower-case hex")?;
        ensure!(id_bytes.len() == KEY_BYTES, "keys/id_key is not {KEY_BYTES} bytes");
        let mut id_key = [0; 16];
        id_key.copy_from_slice(&id_bytes[..16]);
        Ok(Self {
            organiser_key,
            operator_key,
            callback_secret,
            id_key,
            identity_key,
            document_key,
            made,
        })
    }
}

/// The directory of keys, made where missing.
pub fn keys_dir(data_dir: &Path) -> anyhow::Result<PathBuf> {
    let dir = data_dir.join("keys");
    fs::create_dir_all(&dir).with_context(|| format!("make {}", dir.display()))?;
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o700))
        .with_context(|| format!("protect {}", dir.display()))?;
    Ok(dir)
}

/// Reads a file that only its owner may read; `None` where there is none.
pub fn read_private(path: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("read {}", path.display())),
    };
    let mode = fs::metadata(path)?.permissions().mode();
    if mode & 0o077 != 0 {
        bail!(
            "{} can be read by others (mode {:o}); if nobody did, `chmod 600` it, else delete it \
             and start again",
            path.display(),
            mode & 0o777
        );
    }
    Ok(Some(bytes))
}

/// Writes a file that only its owner may read, durably, all or nothing.
pub fn write_private(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let partial = path.with_extension("partial");
    let write = || -> std::io::Result<()> {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&partial, path)?;
        fs::File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
    };
    write().with_context(|| format!("write {}", path.display()))
}

/// Bytes from the operating system that nobody can guess.
pub fn random_bytes<const COUNT: usize>() -> [u8; COUNT] {
    let mut bytes = [0; COUNT];
    rand::rngs::SysRng
        .try_fill_bytes(&mut bytes)
        .expect("the operating system gives random bytes, or nothing here is safe");
    bytes
}

/// Bytes of a key that is made.
const KEY_BYTES: usize = 32;

fn key_text(path: &Path, made: &mut Vec<PathBuf>) -> anyhow::Result<Secret> {
    if let Some(bytes) = read_private(path)? {
        let text =
            String::from_utf8(bytes).with_context(|| format!("{} is not text", path.display()))?;
        ensure!(
            text.trim().len() >= KEY_CHARS_MIN,
            "{} is shorter than {KEY_CHARS_MIN} characters",
            path.display()
        );
        return Ok(Secret::new(text.trim()));
    }
    let text = data_encoding::HEXLOWER.encode(&random_bytes::<KEY_BYTES>());
    write_private(path, format!("{text}\n").as_bytes())?;
    made.push(path.to_owned());
    Ok(Secret::new(text))
}

fn given(raw: &RawConfig, key: &str) -> Result<Option<Secret>, ConfigError> {
    let (text, _) = raw.get(key);
    if text.is_empty() {
        return Ok(None);
    }
    if text.chars().count() < KEY_CHARS_MIN {
        return Err(bad(raw, key, format!("must have at least {KEY_CHARS_MIN} characters")));
    }
    if !text.chars().all(|c| c.is_ascii_graphic()) {
        return Err(bad(raw, key, "must be printable ASCII without spaces".to_owned()));
    }
    Ok(Some(Secret::new(text)))
}
