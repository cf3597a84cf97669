//! Contacts on their way into an order and out again: sealed before they leave this process.
//!
//! The journal and all its copies only ever see what [`seal`] made. The key of a new buyer must be
//! durable first; the keyring does that on a thread of its own, and here is only waited for.

use crate::app::App;
use crate::http::problem::{ApiError, Code};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use usher_engine::BuyerId;
use usher_persistence::seal::{KeyError, Keyring};
use usher_wire::{Attendee, Contact};

/// Seals a contact for its buyer, and with it who comes; nothing where there is neither.
///
/// A key file that could not be written is as fatal as a journal that could not: what it holds is
/// known only after opening it again, and until then no new buyer could order.
///
/// # Errors
/// [`Code::DiskFull`] where there is no room for keys, [`Code::Busy`] where too many new buyers
/// wait.
pub async fn seal(
    app: &App,
    buyer: BuyerId,
    contact: Option<&Contact>,
    attendees: &[Attendee],
) -> Result<Box<[u8]>, ApiError> {
    let text = match (contact, attendees) {
        (None, []) => return Ok(Box::default()),
        (Some(contact), []) => serde_json::to_vec(contact),
        (contact, attendees) => serde_json::to_vec(&Sealed { contact, attendees }),
    };
    seal_text(app, buyer, &text.expect("a contact is plain data")).await
}

/// A contact with who comes, as it is sealed. Without anybody it is the contact alone.
#[derive(Serialize)]
struct Sealed<'a> {
    #[serde(flatten)]
    contact: Option<&'a Contact>,
    attendees: &'a [Attendee],
}

/// The same, opened.
#[derive(Deserialize)]
struct Opened {
    /// Of the contact, where there is one.
    name: Option<String>,
    phone: Option<String>,
    email: Option<String>,
    #[serde(default)]
    attendees: Vec<Attendee>,
}

/// Seals any text that names a buyer, under the buyer's key.
///
/// # Errors
/// As [`seal`].
pub async fn seal_text(app: &App, buyer: BuyerId, text: &[u8]) -> Result<Box<[u8]>, ApiError> {
    if app.router.is_disk_full() {
        return Err(ApiError::new(Code::DiskFull));
    }
    let refuse = |error| refuse(app, error);
    let (told, done) = oneshot::channel();
    // Whoever waited may have gone away; the key is there all the same.
    let tell = move |result| drop(told.send(result));
    app.keyring.prepare(buyer.0, tell).map_err(refuse)?;
    match done.await {
        Ok(prepared) => prepared.map_err(refuse)?,
        Err(_) => return Err(refuse(KeyError::Failed)),
    }
    // Encrypting some hundred bytes takes microseconds, and the key is there.
    let sealed = app.keyring.seal(buyer.0, text).map_err(refuse)?;
    Ok(sealed.into_boxed_slice())
}

/// Opens a sealed contact; `None` where there is none, or its buyer's key was destroyed.
pub fn open(app: &App, buyer: BuyerId, sealed: &[u8]) -> Option<Contact> {
    let Opened { name, phone, email, .. } = open_all(&app.keyring, buyer, sealed)?;
    Some(Contact { name: name?, phone, email })
}

/// Who comes, of a sealed contact; nobody where nobody was named, or the buyer's key was destroyed.
pub fn open_attendees(keyring: &Keyring, buyer: BuyerId, sealed: &[u8]) -> Vec<Attendee> {
    open_all(keyring, buyer, sealed).map(|opened| opened.attendees).unwrap_or_default()
}

fn open_all(keyring: &Keyring, buyer: BuyerId, sealed: &[u8]) -> Option<Opened> {
    let text = keyring.open_sealed(buyer.0, sealed)?;
    serde_json::from_slice(&text).ok()
}

/// Opens any sealed text; `None` where its buyer's key was destroyed.
pub fn open_text(app: &App, buyer: BuyerId, sealed: &[u8]) -> Option<Vec<u8>> {
    app.keyring.open_sealed(buyer.0, sealed)
}

fn refuse(app: &App, error: KeyError) -> ApiError {
    match error {
        KeyError::Busy => ApiError::new(Code::Busy).detail("too many new buyers at once"),
        KeyError::Disk(_) | KeyError::Damaged { .. } | KeyError::InUse(_) | KeyError::Failed => {
            (app.on_fatal)("buyers' keys cannot be written");
            ApiError::internal(error)
        }
    }
}
