//! What is asked about accounts and what is told of them, in plain numbers: the one language that
//! people, the auditor and the history share. `eyes.rs` translates it for the engine.

/// One request. Secrets are numbers that were never used before.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Asked {
    Find { login: u64 },
    Show { account: u64 },
    Register { login: u64, account: u64, secret: u64, password: u64 },
    LogIn { account: u64, version: u32, secret: u64 },
    Refresh { token: Token, next: u64 },
    LogOut { account: u64, session: u32 },
    LogOutEverywhere { account: u64 },
    SetPassword { account: u64, version: u32, password: u64, keep: Option<u32> },
    OfferReset { account: u64, secret: u64 },
    ResetPassword { account: u64, secret: u64, password: u64 },
    Consent { account: u64, text: u64 },
    Erase { account: u64 },
    AddKey { secret: u64, scopes: u8 },
    RemoveKey { key: u32 },
}

impl Asked {
    /// The account that it names.
    pub(crate) fn account(&self) -> Option<u64> {
        match *self {
            Self::Show { account }
            | Self::Register { account, .. }
            | Self::LogIn { account, .. }
            | Self::Refresh { token: Token { account, .. }, .. }
            | Self::LogOut { account, .. }
            | Self::LogOutEverywhere { account }
            | Self::SetPassword { account, .. }
            | Self::OfferReset { account, .. }
            | Self::ResetPassword { account, .. }
            | Self::Consent { account, .. }
            | Self::Erase { account } => Some(account),
            Self::Find { .. } | Self::AddKey { .. } | Self::RemoveKey { .. } => None,
        }
    }
}

/// A refresh token as somebody has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Token {
    pub(crate) account: u64,
    pub(crate) session: u32,
    pub(crate) generation: u32,
    pub(crate) secret: u64,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Told {
    /// Done, and this is how the account stands.
    Account {
        seen: SeenAccount,
        replayed: bool,
    },
    /// Done, and the account is gone.
    Gone {
        account: u64,
    },
    /// Done, about this key.
    Key {
        key: u32,
    },
    Refused(Why),
    /// Nothing happened.
    NotNow,
}

/// Why something was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Why {
    UnknownAccount,
    LoginTaken,
    UnknownSession,
    TokenReused,
    PasswordChanged,
    ResetInvalid,
    UnknownKey,
    Other,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct SeenAccount {
    pub(crate) number: u64,
    pub(crate) login: u64,
    pub(crate) password: u64,
    /// How often the password was set.
    pub(crate) version: u32,
    pub(crate) sessions: Vec<SeenSession>,
    /// The secret that resets the password, and when it ends.
    pub(crate) reset: Option<(u64, u64)>,
    pub(crate) consents: Vec<u64>,
}

impl SeenAccount {
    pub(crate) fn session(&self, number: u32) -> Option<&SeenSession> {
        self.sessions.iter().find(|session| session.number == number)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SeenSession {
    pub(crate) number: u32,
    pub(crate) generation: u32,
    pub(crate) secret: u64,
    pub(crate) renewed_at: u64,
    pub(crate) ends_at: u64,
}

/// A key of an integrator as it is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SeenKey {
    pub(crate) number: u32,
    pub(crate) secret: u64,
    pub(crate) scopes: u8,
}
