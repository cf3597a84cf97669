//! What people were told about accounts, held against itself, in plain numbers and without a line
//! of the engine. It knows two kinds of facts, which no crash may change:
//!
//! - what was acknowledged is there, until something was asked that may end it, or its time is
//!   over: accounts, sessions, passwords, consents, keys;
//! - what is over never comes back: an account that was erased, a session that ended, a token that
//!   was replaced, a way to set the password that was used, a key that was revoked.
//!
//! Whether a request whose answer was lost was carried out is not known until the server starts
//! again or is at rest: until then both are possible.

use std::collections::{BTreeMap, BTreeSet};

use super::words::{Asked, SeenAccount, SeenKey, SeenSession};

mod answers;
#[cfg(test)]
mod tests;

/// How long a token that was replaced still gets the answer that may have been lost, in
/// milliseconds.
const REPEAT_MS: u64 = 10_000;
/// Sessions of one account; one more ends one of them.
const SESSIONS_MAX: usize = 16;
/// Consents that are kept; one more pushes out the oldest.
const CONSENTS_MAX: usize = 16;

#[derive(Debug, Default)]
pub(crate) struct Auditor {
    accounts: BTreeMap<u64, Known>,
    /// Numbers that registrations of each login asked for.
    logins: BTreeMap<u64, Vec<u64>>,
    keys: BTreeMap<u32, KnownKey>,
    /// Secret and scopes of keys that were asked for.
    asked_keys: BTreeMap<u64, u8>,
    /// Requests that may still be carried out.
    open: BTreeMap<u64, Open>,
    checks: u64,
}

/// What is known of an account, or of a registration.
#[derive(Debug, Default)]
struct Known {
    login: u64,
    /// Somebody was told that it is there.
    is_there: bool,
    /// It was erased, or never came to be.
    is_gone: bool,
    /// Somebody asked to erase it.
    may_go: bool,
    version: u32,
    password: u64,
    sessions: BTreeMap<u32, KnownSession>,
    reset: Option<u64>,
    resets_over: BTreeSet<u64>,
    consents: Vec<u64>,
    // What was ever asked for, and so may be found.
    passwords: BTreeSet<u64>,
    secrets: BTreeSet<u64>,
    resets: BTreeSet<u64>,
    /// How often each token was shown, by session and generation.
    shown: BTreeMap<(u32, u32), u32>,
}

#[derive(Debug, Clone, Copy)]
struct KnownSession {
    generation: u32,
    secret: u64,
    ends_at: u64,
    /// Something was asked that may end it.
    may_end: bool,
    is_over: bool,
}

#[derive(Debug, Clone, Copy)]
struct KnownKey {
    secret: u64,
    scopes: u8,
    may_go: bool,
    is_gone: bool,
}

/// A request, and what was known when it was sent.
#[derive(Debug)]
struct Open {
    asked: Asked,
    at: u64,
    /// The account that it is about was there.
    account: Option<u64>,
    /// Somebody else may have had the login, and so many had asked for it.
    login_may_be_taken: bool,
    registrations: usize,
    /// The refresh token was good and nobody else had shown it.
    is_good: bool,
    /// It may end sessions that nobody knows yet.
    may_end_all: bool,
}

impl Auditor {
    /// A request reaches the server.
    pub(crate) fn asked(&mut self, id: u64, asked: &Asked, now: u64) {
        let there = |known: &&Known| known.is_there && !known.is_gone;
        let account = match asked {
            Asked::Find { login } => {
                let numbers = self.logins.get(login).into_iter().flatten();
                numbers.copied().find(|no| self.accounts.get(no).filter(there).is_some())
            }
            _ => asked.account().filter(|no| self.accounts.get(no).filter(there).is_some()),
        };
        let mut open = Open {
            asked: asked.clone(),
            at: now,
            account,
            login_may_be_taken: false,
            registrations: 0,
            is_good: false,
            may_end_all: false,
        };
        match *asked {
            Asked::Register { login, account, secret, password } => {
                let all = self.logins.entry(login).or_default();
                let may_be = |no: &u64| self.accounts.get(no).is_some_and(|known| !known.is_gone);
                open.login_may_be_taken = all.iter().any(may_be);
                all.push(account);
                open.registrations = all.len();
                let known = Known {
                    login,
                    passwords: BTreeSet::from([password]),
                    secrets: BTreeSet::from([secret]),
                    ..Known::default()
                };
                self.accounts.insert(account, known);
            }
            Asked::AddKey { secret, scopes } => drop(self.asked_keys.insert(secret, scopes)),
            Asked::RemoveKey { key } => {
                self.keys.entry(key).and_modify(|known| known.may_go = true);
            }
            _ => {}
        }
        let logins = self.open.values().filter(|other| opens_session(&other.asked)).count();
        if let Some(known) = asked.account().and_then(|no| self.accounts.get_mut(&no)) {
            known.is_asked(asked, &mut open, logins);
        }
        self.open.insert(id, open);
    }

    /// All accounts as the server has them: durable, or not yet.
    pub(crate) fn look(&mut self, seen: &[SeenAccount], now: u64) -> Result<(), String> {
        self.checks += 1;
        let mut logins = BTreeSet::new();
        for account in seen {
            self.check(account, now)?;
            if !logins.insert(account.login) {
                return Err(format!("two accounts have login {}", account.login));
            }
        }
        let is_seen = |no: &u64| seen.iter().any(|account| account.number == *no);
        let must_be = |known: &Known| known.is_there && !known.is_gone && !known.may_go;
        match self.accounts.iter().find(|(no, known)| must_be(known) && !is_seen(no)) {
            Some((no, _)) => Err(format!("account {no} was acknowledged, and is lost")),
            None => Ok(()),
        }
    }

    /// The server started again or is at rest, and these are all accounts. Nothing that was asked
    /// before will happen any more.
    pub(crate) fn look_for_good(&mut self, seen: &[SeenAccount], now: u64) -> Result<(), String> {
        self.look(seen, now)?;
        self.open.clear();
        for (no, known) in &mut self.accounts {
            if !seen.iter().any(|account| account.number == *no) {
                known.is_gone = true;
            }
        }
        for account in seen {
            self.learn(account, now)?;
            let known = self.accounts.get_mut(&account.number).expect("checked");
            known.may_go = false;
            known.sessions.values_mut().for_each(|session| session.may_end = false);
        }
        self.keys.values_mut().for_each(|key| key.may_go = false);
        Ok(())
    }

    /// The keys that are published now; only what is durable is.
    pub(crate) fn sees_keys(&mut self, shown: &[SeenKey]) -> Result<(), String> {
        for key in shown {
            let SeenKey { number, secret, scopes } = *key;
            if self.asked_keys.get(&secret) != Some(&scopes) {
                return Err(format!("key {number} is shown with {scopes} as nobody asked"));
            }
            match self.keys.get(&number) {
                Some(known) if known.is_gone => {
                    return Err(format!("key {number} is gone, and shown again"));
                }
                Some(known) if (known.secret, known.scopes) != (secret, scopes) => {
                    return Err(format!("key {number} was {known:?}, and is {key:?}"));
                }
                Some(_) => {}
                None => {
                    let new = KnownKey { secret, scopes, may_go: false, is_gone: false };
                    self.keys.insert(number, new);
                }
            }
        }
        for (number, known) in &mut self.keys {
            if known.is_gone || shown.iter().any(|key| key.number == *number) {
                continue;
            }
            if !known.may_go {
                return Err(format!("key {number} is lost"));
            }
            known.is_gone = true;
        }
        Ok(())
    }

    pub(crate) fn checks(&self) -> u64 {
        self.checks
    }

    /// Whether this may be, after what is known.
    fn check(&self, seen: &SeenAccount, now: u64) -> Result<(), String> {
        let number = seen.number;
        let Some(known) = self.accounts.get(&number) else {
            return Err(format!("nobody registered account {number}"));
        };
        let wrong = |what: String| Err(format!("account {number}: {what}"));
        if known.is_gone {
            return wrong("it is gone, and there again".to_owned());
        }
        if seen.login != known.login {
            return wrong(format!("it has login {}, not {}", seen.login, known.login));
        }
        let is_newer = seen.version > known.version && known.passwords.contains(&seen.password);
        let is_same = seen.version == known.version && seen.password == known.password;
        if !is_newer && !is_same {
            let known = (known.version, known.password);
            return wrong(format!("its password was {known:?} and is {seen:?}"));
        }
        let is_wrong =
            |secret| !known.resets.contains(secret) || known.resets_over.contains(secret);
        if let Some((secret, _)) = seen.reset.as_ref().filter(|(secret, _)| is_wrong(secret)) {
            return wrong(format!("{secret} may set its password, and must not"));
        }
        if seen.consents.len() < CONSENTS_MAX && !seen.consents.starts_with(&known.consents) {
            return wrong(format!("a consent of {:?} is lost", known.consents));
        }
        for session in &seen.sessions {
            known.check_session(session).or_else(wrong)?;
        }
        let must_live = |session: &KnownSession| {
            !session.is_over && !session.may_end && !known.may_go && session.ends_at > now
        };
        match known.sessions.iter().find(|(no, s)| must_live(s) && seen.session(**no).is_none()) {
            Some((no, _)) => wrong(format!("session {no} is lost")),
            None => Ok(()),
        }
    }

    /// Takes notice of what is durable.
    fn learn(&mut self, seen: &SeenAccount, now: u64) -> Result<(), String> {
        self.check(seen, now)?;
        let numbers = seen.sessions.iter().map(|session| session.number);
        let may_end: BTreeSet<u32> = numbers.filter(|no| self.may_end(seen.number, *no)).collect();
        let known = self.accounts.get_mut(&seen.number).expect("checked");
        known.is_there = true;
        (known.version, known.password) = (seen.version, seen.password);
        known.consents.clone_from(&seen.consents);
        for (no, session) in &mut known.sessions {
            session.is_over |= seen.session(*no).is_none();
        }
        for session in &seen.sessions {
            let SeenSession { generation, secret, ends_at, .. } = *session;
            let before = known.sessions.get(&session.number);
            let may_end = before.map_or(may_end.contains(&session.number), |before| before.may_end);
            let new = KnownSession { generation, secret, ends_at, may_end, is_over: false };
            known.sessions.insert(session.number, new);
        }
        let reset = seen.reset.map(|(secret, _)| secret);
        if known.reset != reset {
            known.resets_over.extend(known.reset);
        }
        known.reset = reset;
        Ok(())
    }

    /// Whether something that was asked, and may still happen, ends a session that nobody knew of.
    fn may_end(&self, account: u64, session: u32) -> bool {
        let log_out = Asked::LogOut { account, session };
        self.open.values().any(|open| {
            open.asked == log_out || open.may_end_all && open.asked.account() == Some(account)
        })
    }
}

impl Known {
    fn is_asked(&mut self, asked: &Asked, open: &mut Open, logins: usize) {
        let mut kept = None;
        match *asked {
            Asked::LogIn { secret, .. } => {
                self.secrets.insert(secret);
                let live = self.sessions.values().filter(|session| !session.is_over).count();
                // Those that were opened and not acknowledged count as well.
                open.may_end_all = live + logins + 1 >= SESSIONS_MAX;
            }
            Asked::Refresh { token, next } => {
                self.secrets.insert(next);
                let times = self.shown.entry((token.session, token.generation)).or_default();
                *times += 1;
                let is_first = *times == 1;
                if let Some(session) = self.sessions.get_mut(&token.session) {
                    let is_newest =
                        (session.generation, session.secret) == (token.generation, token.secret);
                    open.is_good = is_first && is_newest && !session.is_over && !session.may_end;
                    session.may_end |= !is_first || !is_newest;
                }
            }
            Asked::LogOut { session, .. } => {
                self.sessions.entry(session).and_modify(|session| session.may_end = true);
            }
            Asked::LogOutEverywhere { .. } => open.may_end_all = true,
            Asked::SetPassword { password, keep, .. } => {
                self.passwords.insert(password);
                open.may_end_all = true;
                kept = keep;
            }
            Asked::ResetPassword { password, .. } => {
                self.passwords.insert(password);
                open.may_end_all = true;
            }
            Asked::OfferReset { secret, .. } => drop(self.resets.insert(secret)),
            Asked::Erase { .. } => self.may_go = true,
            _ => {}
        }
        if open.may_end_all {
            let others = self.sessions.iter_mut().filter(|(no, _)| Some(**no) != kept);
            others.for_each(|(_, session)| session.may_end = true);
        }
    }

    fn check_session(&self, seen: &SeenSession) -> Result<(), String> {
        let no = seen.number;
        if !self.secrets.contains(&seen.secret) {
            return Err(format!("nobody asked for the token of session {no}"));
        }
        match self.sessions.get(&no) {
            Some(known) if known.is_over => Err(format!("session {no} is over, and there again")),
            Some(known) if seen.generation < known.generation => {
                Err(format!("a token of session {no} that was replaced is good again"))
            }
            Some(known) if seen.generation == known.generation && seen.secret != known.secret => {
                Err(format!("session {no} has another token"))
            }
            _ => Ok(()),
        }
    }
}

fn opens_session(asked: &Asked) -> bool {
    matches!(asked, Asked::LogIn { .. })
}
