//! What happened to accounts.

use super::{ApiKeyNo, LoginHash, Proof, SessionNo};
use crate::id::AccountNo;
use crate::time::Timestamp;

/// One fact about one bucket of accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountsEvent {
    /// A new account.
    Registered {
        /// Its number.
        account: AccountNo,
        /// Keyed hash of its login.
        login: LoginHash,
        /// The sealed e-mail address.
        email: Box<[u8]>,
        /// Hash of the password, in PHC string format.
        password: Box<str>,
    },
    /// Somebody logged in.
    SessionOpened {
        /// Whose.
        account: AccountNo,
        /// Number of the session.
        session: SessionNo,
        /// Of its refresh token.
        proof: Proof,
        /// When it ends unless it is renewed.
        ends_at: Timestamp,
    },
    /// A refresh token was replaced by the next.
    SessionRenewed {
        /// Whose.
        account: AccountNo,
        /// Which.
        session: SessionNo,
        /// Of the token that is good now.
        proof: Proof,
        /// When the session ends unless it is renewed again.
        ends_at: Timestamp,
    },
    /// Sessions ended before their time.
    SessionsEnded {
        /// Whose.
        account: AccountNo,
        /// Which.
        sessions: Vec<SessionNo>,
        /// Why.
        cause: SessionEnd,
    },
    /// A password was set; a way to reset it is used up.
    PasswordSet {
        /// Whose.
        account: AccountNo,
        /// Its hash, in PHC string format.
        password: Box<str>,
    },
    /// A way to set the password was given out.
    ResetOffered {
        /// Whose.
        account: AccountNo,
        /// Of the token.
        proof: Proof,
        /// When it ends.
        ends_at: Timestamp,
    },
    /// Somebody agreed to a text.
    ConsentGiven {
        /// Who.
        account: AccountNo,
        /// Which version of it.
        text: Box<str>,
    },
    /// An account is gone.
    Erased {
        /// Which.
        account: AccountNo,
    },
    /// A key for an integrator was made, with the next number.
    KeyAdded {
        /// Whose it is, in the organiser's words.
        name: Box<str>,
        /// Of the key.
        proof: Proof,
        /// What it is good for.
        scopes: u8,
        /// When it ends by itself.
        ends_at: Option<Timestamp>,
    },
    /// A key was revoked.
    KeyRemoved {
        /// Which.
        key: ApiKeyNo,
    },
}

/// Why a session ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionEnd {
    /// Its owner logged out.
    LoggedOut,
    /// A refresh token was used again after it had been replaced.
    TokenReused,
    /// The password was changed or reset.
    PasswordSet,
    /// There were too many, and this was used least recently.
    Crowded,
}
