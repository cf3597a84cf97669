//! Everything that can be asked of accounts.

use super::{ApiKeyNo, LoginHash, Proof, SessionNo};
use crate::id::AccountNo;
use crate::time::Timestamp;

/// One request to one bucket of accounts.
#[derive(Debug, Clone)]
pub enum AccountsCommand {
    // Questions. They change nothing.
    /// Show the account with this login.
    Find {
        /// Keyed hash of the login.
        login: LoginHash,
    },
    /// Show an account.
    Show {
        /// Which.
        account: AccountNo,
    },

    // People.
    /// Make an account, and log in.
    Register(Registration),
    /// Log in. Whoever asks has checked the password.
    OpenSession {
        /// Whose.
        account: AccountNo,
        /// Of the password that was checked; must be the one that is set.
        password_version: u32,
        /// The new session.
        session: NewSession,
    },
    /// Replace a session's refresh token by the next.
    Refresh(Refresh),
    /// Log out on one device. Doing it twice is doing it once.
    CloseSession {
        /// Whose.
        account: AccountNo,
        /// Which.
        session: SessionNo,
    },
    /// Log out everywhere. Doing it twice is doing it once.
    CloseAll {
        /// Whose.
        account: AccountNo,
    },
    /// Set another password, and end all sessions but one.
    SetPassword {
        /// Whose.
        account: AccountNo,
        /// Of the password that was checked; must be the one that is set.
        password_version: u32,
        /// Hash of the new password, in PHC string format.
        password: Box<str>,
        /// The session that goes on.
        keep: Option<SessionNo>,
    },
    /// Give out a way to set the password without knowing it. It replaces the one before.
    OfferReset {
        /// Whose.
        account: AccountNo,
        /// Of the token.
        proof: Proof,
        /// How long it is good, in milliseconds.
        lives_ms: u64,
    },
    /// Set a password by the token that was sent, once, and end all sessions.
    ResetPassword {
        /// Whose.
        account: AccountNo,
        /// Of the token that was shown.
        proof: Proof,
        /// Hash of the new password, in PHC string format.
        password: Box<str>,
    },
    /// Agree to a text.
    GiveConsent {
        /// Who.
        account: AccountNo,
        /// Which version of it.
        text: Box<str>,
    },
    /// Forget an account.
    Erase {
        /// Which.
        account: AccountNo,
    },

    // Organisers.
    /// Make a key for an integrator.
    AddKey(NewApiKey),
    /// Revoke a key.
    RemoveKey {
        /// Which.
        key: ApiKeyNo,
    },
}

/// See [`AccountsCommand::Register`].
#[derive(Debug, Clone)]
pub struct Registration {
    /// The number of the new account, drawn at random by whoever asks: it must be known before, as
    /// the e-mail address is sealed under a key of that number.
    pub account: AccountNo,
    /// Keyed hash of the login.
    pub login: LoginHash,
    /// The sealed e-mail address.
    pub email: Box<[u8]>,
    /// Hash of the password, in PHC string format.
    pub password: Box<str>,
    /// The version of the text that was agreed to, if any.
    pub consent: Option<Box<str>>,
    /// The first session.
    pub session: NewSession,
}

/// A session to be opened.
#[derive(Debug, Clone, Copy)]
pub struct NewSession {
    /// Of its refresh token.
    pub proof: Proof,
    /// How long it lives unless it is renewed, in milliseconds.
    pub lives_ms: u64,
}

/// See [`AccountsCommand::Refresh`].
#[derive(Debug, Clone, Copy)]
pub struct Refresh {
    /// Whose.
    pub account: AccountNo,
    /// Which.
    pub session: SessionNo,
    /// Of the token that was shown.
    pub generation: u32,
    /// Of the token that was shown.
    pub proof: Proof,
    /// Of the token that replaces it. It follows from the one that was shown, so a repeat brings
    /// the same.
    pub next: Proof,
    /// How long the session lives unless it is renewed again, in milliseconds.
    pub lives_ms: u64,
}

/// See [`AccountsCommand::AddKey`].
#[derive(Debug, Clone)]
pub struct NewApiKey {
    /// Whose it is, in the organiser's words.
    pub name: Box<str>,
    /// Of the key.
    pub proof: Proof,
    /// What it is good for.
    pub scopes: u8,
    /// When it ends by itself.
    pub ends_at: Option<Timestamp>,
}
