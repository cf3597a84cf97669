//! Carrying out what was decided. Nothing here can fail.

use super::{
    Account, Accounts, AccountsEvent, ApiKey, ApiKeyNo, CONSENTS_MAX, Consent, Reset, Session,
    SessionNo,
};
use crate::event::Event;
use crate::id::AccountNo;
use crate::planted::planted;
use crate::time::Timestamp;
use std::collections::BTreeMap;

impl Accounts {
    /// Applies one record: the events of one command, at the time it was decided.
    ///
    /// # Panics
    /// At an event of another kind of machine, which no command here leads to.
    pub fn apply(&mut self, events: &[Event], at: Timestamp) {
        self.last_at = self.last_at.max(at);
        self.version += 1;
        for event in events {
            match event {
                Event::Accounts(event) => self.apply_one(event, at),
                other => unreachable!("accounts do not know {other:?}"),
            }
        }
    }

    fn apply_one(&mut self, event: &AccountsEvent, at: Timestamp) {
        match event {
            AccountsEvent::Registered { account, login, email, password } => {
                let new = Account {
                    login: *login,
                    email: email.clone(),
                    password: password.clone(),
                    password_version: 1,
                    made_at: at,
                    sessions: BTreeMap::new(),
                    next_session: SessionNo(1),
                    reset: None,
                    consents: Vec::new(),
                };
                self.by_login.insert(*login, *account);
                self.accounts.insert(*account, new);
            }
            AccountsEvent::SessionOpened { account, session, proof, ends_at } => {
                let known = self.known(*account);
                // Those whose time is over are forgotten when there is something to write anyway.
                known.sessions.retain(|_, session| at < session.ends_at);
                known.next_session = SessionNo(session.0 + 1);
                let (proof, ends_at) = (*proof, *ends_at);
                let new = Session { proof, generation: 0, opened_at: at, renewed_at: at, ends_at };
                known.sessions.insert(*session, new);
            }
            AccountsEvent::SessionRenewed { account, session, proof, ends_at } => {
                if let Some(session) = self.known(*account).sessions.get_mut(session) {
                    session.proof = *proof;
                    session.generation += 1;
                    session.renewed_at = at;
                    session.ends_at = *ends_at;
                }
            }
            AccountsEvent::SessionsEnded { account, sessions, cause: _ } => {
                self.known(*account).sessions.retain(|no, _| !sessions.contains(no));
            }
            AccountsEvent::PasswordSet { account, password } => {
                let known = self.known(*account);
                known.password = password.clone();
                known.password_version += 1;
                known.reset = known.reset.filter(|_| planted("reset-good-twice"));
            }
            AccountsEvent::ResetOffered { account, proof, ends_at } => {
                self.known(*account).reset = Some(Reset { proof: *proof, ends_at: *ends_at });
            }
            AccountsEvent::ConsentGiven { account, text } => {
                let consents = &mut self.known(*account).consents;
                if consents.len() == CONSENTS_MAX {
                    consents.remove(0);
                }
                consents.push(Consent { text: text.clone(), at });
            }
            AccountsEvent::Erased { account } => {
                if let Some(gone) = self.accounts.remove(account) {
                    self.by_login.remove(&gone.login);
                }
            }
            AccountsEvent::KeyAdded { name, proof, scopes, ends_at } => {
                let key = ApiKey {
                    name: name.clone(),
                    proof: *proof,
                    scopes: *scopes,
                    made_at: at,
                    ends_at: *ends_at,
                };
                self.keys.insert(self.next_key, key);
                self.next_key = ApiKeyNo(self.next_key.0 + 1);
            }
            AccountsEvent::KeyRemoved { key } => drop(self.keys.remove(key)),
        }
    }

    fn known(&mut self, account: AccountNo) -> &mut Account {
        self.accounts.get_mut(&account).expect("events are about accounts that there are")
    }
}
