//! What is done and what is refused, and why.

use super::sessions::open_events;
use super::{
    ACCOUNTS_MAX, API_KEYS_MAX, Account, Accounts, AccountsCommand, AccountsEvent, NewApiKey,
    Proof, Registration, SessionEnd, SessionNo,
};
use crate::decision::{Decision, Subject};
use crate::event::{Event, Events};
use crate::id::AccountNo;
use crate::planted::planted;
use crate::refusal::Refusal;
use crate::time::Timestamp;

impl Accounts {
    /// Decides about a command without changing anything: see [`crate::Inventory::execute`].
    #[must_use]
    pub fn execute(&self, command: &AccountsCommand, now: Timestamp) -> Decision {
        let now = now.max(self.last_at);
        match command {
            AccountsCommand::Find { login } => match self.find(*login) {
                Some(account) => Decision::replay(Subject::Account(account)),
                None => Decision::refuse(Refusal::UnknownAccount),
            },
            AccountsCommand::Show { account } => {
                self.with(*account, |_| Decision::replay(Subject::Account(*account)))
            }
            AccountsCommand::Register(registration) => self.register(registration, now),
            AccountsCommand::OpenSession { account, password_version, session } => self
                .with_password(*account, *password_version, |known| {
                    done(*account, open_events(*account, known, session, now))
                }),
            AccountsCommand::Refresh(refresh) => {
                self.with(refresh.account, |known| known.refresh(refresh, now))
            }
            AccountsCommand::CloseSession { account, session } => self.with(*account, |known| {
                let ended = known.sessions.contains_key(session).then_some(*session);
                end(*account, ended.into_iter().collect(), SessionEnd::LoggedOut)
            }),
            AccountsCommand::CloseAll { account } => self.with(*account, |known| {
                let all = known.sessions.keys().copied().collect();
                end(*account, all, SessionEnd::LoggedOut)
            }),
            AccountsCommand::SetPassword { account, password_version, password, keep } => self
                .with_password(*account, *password_version, |known| {
                    set_password(*account, known, password, *keep)
                }),
            AccountsCommand::OfferReset { account, proof, lives_ms } => self.with(*account, |_| {
                let ends_at = now.plus_ms(*lives_ms);
                let event =
                    AccountsEvent::ResetOffered { account: *account, proof: *proof, ends_at };
                done(*account, vec![event])
            }),
            AccountsCommand::ResetPassword { account, proof, password } => {
                self.with(*account, |known| match known.reset_is_good(*proof, now) {
                    true => set_password(*account, known, password, None),
                    false => Decision::refuse(Refusal::ResetInvalid),
                })
            }
            AccountsCommand::GiveConsent { account, text } => self.with(*account, |known| {
                if known.consents.last().is_some_and(|last| last.text == *text) {
                    return Decision::replay(Subject::Account(*account));
                }
                let (account, text) = (*account, text.clone());
                done(account, vec![AccountsEvent::ConsentGiven { account, text }])
            }),
            AccountsCommand::Erase { account } => self.with(*account, |_| {
                done(*account, vec![AccountsEvent::Erased { account: *account }])
            }),
            AccountsCommand::AddKey(key) => self.add_key(key),
            AccountsCommand::RemoveKey { key } => match self.keys.contains_key(key) {
                true => all(vec![AccountsEvent::KeyRemoved { key: *key }], Subject::ApiKey(*key)),
                false => Decision::refuse(Refusal::UnknownApiKey),
            },
        }
    }

    fn register(&self, registration: &Registration, now: Timestamp) -> Decision {
        let Registration { account, login, email, password, consent, session } = registration;
        if self.find(*login).is_some() {
            return Decision::refuse(Refusal::LoginTaken);
        }
        // Two equal numbers of 64 random bits do not meet; that they do no harm is what counts.
        if self.accounts.len() >= ACCOUNTS_MAX || self.accounts.contains_key(account) {
            return Decision::refuse(Refusal::AccountsFull);
        }
        let mut events = vec![
            AccountsEvent::Registered {
                account: *account,
                login: *login,
                email: email.clone(),
                password: password.clone(),
            },
            AccountsEvent::SessionOpened {
                account: *account,
                session: SessionNo(1),
                proof: session.proof,
                ends_at: now.plus_ms(session.lives_ms),
            },
        ];
        if let Some(text) = consent {
            events.push(AccountsEvent::ConsentGiven { account: *account, text: text.clone() });
        }
        done(*account, events)
    }

    fn add_key(&self, key: &NewApiKey) -> Decision {
        if self.keys.len() >= API_KEYS_MAX {
            return Decision::refuse(Refusal::TooManyApiKeys);
        }
        let NewApiKey { name, proof, scopes, ends_at } = key;
        let event = AccountsEvent::KeyAdded {
            name: name.clone(),
            proof: *proof,
            scopes: *scopes,
            ends_at: *ends_at,
        };
        all(vec![event], Subject::ApiKey(self.next_key))
    }

    fn with(&self, account: AccountNo, decide: impl FnOnce(&Account) -> Decision) -> Decision {
        match self.account(account) {
            Some(known) => decide(known),
            None => Decision::refuse(Refusal::UnknownAccount),
        }
    }

    /// As [`Accounts::with`], where the password was not set again since it was checked.
    fn with_password(
        &self,
        account: AccountNo,
        version: u32,
        decide: impl FnOnce(&Account) -> Decision,
    ) -> Decision {
        let is_unchecked = planted("old-password-logs-in");
        self.with(account, |known| match known.password_version == version || is_unchecked {
            true => decide(known),
            false => Decision::refuse(Refusal::PasswordChanged),
        })
    }
}

impl Account {
    fn reset_is_good(&self, proof: Proof, now: Timestamp) -> bool {
        self.reset.is_some_and(|reset| reset.proof == proof && now < reset.ends_at)
    }
}

pub(super) fn end(account: AccountNo, sessions: Vec<SessionNo>, cause: SessionEnd) -> Decision {
    if sessions.is_empty() {
        return Decision::replay(Subject::Account(account));
    }
    done(account, vec![AccountsEvent::SessionsEnded { account, sessions, cause }])
}

fn set_password(
    account: AccountNo,
    known: &Account,
    password: &str,
    keep: Option<SessionNo>,
) -> Decision {
    let mut events = vec![AccountsEvent::PasswordSet { account, password: password.into() }];
    let sessions: Vec<_> = known.sessions.keys().copied().filter(|no| keep != Some(*no)).collect();
    if !sessions.is_empty() && !planted("password-change-keeps-sessions") {
        let cause = SessionEnd::PasswordSet;
        events.push(AccountsEvent::SessionsEnded { account, sessions, cause });
    }
    done(account, events)
}

pub(super) fn done(account: AccountNo, events: Vec<AccountsEvent>) -> Decision {
    all(events, Subject::Account(account))
}

fn all(events: Vec<AccountsEvent>, subject: Subject) -> Decision {
    Decision::all(wrap(events), subject)
}

pub(super) fn wrap(events: Vec<AccountsEvent>) -> Events {
    events.into_iter().map(|event| Event::Accounts(Box::new(event))).collect()
}
