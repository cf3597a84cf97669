//! What is known of one account, and of one key.

use std::collections::BTreeMap;

use super::{LoginHash, Proof, SessionNo};
use crate::time::Timestamp;

/// One account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// What it is found by.
    pub login: LoginHash,
    /// The e-mail address, sealed; the engine never looks inside.
    pub email: Box<[u8]>,
    /// The hash of the password, in PHC string format.
    pub password: Box<str>,
    /// How often the password was set, so that what rests on an older one is refused.
    pub password_version: u32,
    /// When it was made.
    pub made_at: Timestamp,
    /// Live sessions by number, and maybe some whose time is over.
    pub sessions: BTreeMap<SessionNo, Session>,
    /// The number of the next session.
    pub next_session: SessionNo,
    /// A way to set the password without knowing it, if one was given out.
    pub reset: Option<Reset>,
    /// What was agreed to, oldest first.
    pub consents: Vec<Consent>,
}

/// One log-in on one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Of the refresh token that is good now.
    pub proof: Proof,
    /// How often it was replaced.
    pub generation: u32,
    /// When it began.
    pub opened_at: Timestamp,
    /// When the token that is good now was given out.
    pub renewed_at: Timestamp,
    /// When it ends, unless it is renewed before.
    pub ends_at: Timestamp,
}

/// A way to set a password without knowing the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reset {
    /// Of the token that was sent.
    pub proof: Proof,
    /// When it ends.
    pub ends_at: Timestamp,
}

/// That somebody agreed to a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// Which version of the text.
    pub text: Box<str>,
    /// When.
    pub at: Timestamp,
}

/// What an integrator calls with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Whose it is, in the organiser's words.
    pub name: Box<str>,
    /// Of the key.
    pub proof: Proof,
    /// What it is good for, one bit each; the engine does not read them.
    pub scopes: u8,
    /// When it was made.
    pub made_at: Timestamp,
    /// When it ends by itself.
    pub ends_at: Option<Timestamp>,
}

impl Account {
    /// A session whose time is not over.
    #[must_use]
    pub fn session(&self, no: SessionNo, now: Timestamp) -> Option<&Session> {
        self.sessions.get(&no).filter(|session| now < session.ends_at)
    }
}
