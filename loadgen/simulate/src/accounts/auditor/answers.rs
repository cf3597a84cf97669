//! What each answer must say, and which refusals cannot be right.

use super::super::words::{Asked, SeenAccount, Token, Told, Why};
use super::{Auditor, Known, Open, REPEAT_MS};

impl Auditor {
    /// An answer was heard.
    pub(crate) fn told(&mut self, id: u64, told: &Told, now: u64) -> Result<(), String> {
        let Some(open) = self.open.remove(&id) else {
            return Err(format!("#{id} was answered twice"));
        };
        self.checks += 1;
        match told {
            Told::Account { seen, replayed } => {
                self.before_learning(&open, seen, *replayed)?;
                // While it is learned, the request counts as one that may have happened.
                let asked = open.asked.clone();
                self.open.insert(id, open);
                let learned = self.learn(seen, now);
                self.open.remove(&id);
                learned?;
                says_what_was_asked(&asked, seen)
            }
            Told::Gone { account } => self.is_gone(&open.asked, *account),
            Told::Key { key } => self.knows_key(&open.asked, *key),
            Told::Refused(why) => self.refused(&open, *why, now),
            Told::NotNow => Ok(()),
        }
    }

    /// Whether it may be done, after what was known before.
    fn before_learning(
        &mut self,
        open: &Open,
        seen: &SeenAccount,
        replayed: bool,
    ) -> Result<(), String> {
        let known = self.accounts.get(&seen.number);
        match open.asked {
            Asked::Register { login, account, .. } => {
                let is_other = |no: &&u64| **no != account;
                let has_it = |known: &Known| known.is_there && !known.is_gone && !known.may_go;
                let mut others = self.logins[&login].iter().filter(is_other);
                match others.find(|no| self.accounts.get(*no).is_some_and(has_it)) {
                    Some(other) => {
                        Err(format!("login {login} is of {other}, and now of {account}"))
                    }
                    None => Ok(()),
                }
            }
            Asked::Refresh { token, next } => refreshed(open, token, next, known, seen, replayed),
            Asked::ResetPassword { secret, .. } => {
                let is_good = |known: &Known| {
                    known.resets.contains(&secret) && !known.resets_over.contains(&secret)
                };
                match known.is_some_and(is_good) {
                    true => Ok(()),
                    false => Err(format!("{secret} set a password, and must not")),
                }
            }
            _ => Ok(()),
        }
    }

    fn is_gone(&mut self, asked: &Asked, account: u64) -> Result<(), String> {
        let is_asked = matches!(asked, Asked::Erase { account: of } if *of == account);
        match self.accounts.get_mut(&account).filter(|known| is_asked && !known.is_gone) {
            Some(known) => {
                known.is_gone = true;
                Ok(())
            }
            None => Err(format!("{asked:?} was answered that account {account} is gone")),
        }
    }

    fn knows_key(&mut self, asked: &Asked, key: u32) -> Result<(), String> {
        let known = self.keys.get(&key);
        let is_right = match asked {
            Asked::AddKey { secret, .. } => known.is_some_and(|known| known.secret == *secret),
            Asked::RemoveKey { key: of } => *of == key && known.is_some_and(|known| known.is_gone),
            _ => false,
        };
        match is_right {
            true => Ok(()),
            false => Err(format!("{asked:?} was answered, and key {key} is {known:?}")),
        }
    }

    fn refused(&mut self, open: &Open, why: Why, now: u64) -> Result<(), String> {
        let wrong = |what: &str| Err(format!("{:?} was refused: {what}", open.asked));
        match (why, &open.asked) {
            (Why::UnknownAccount, _) => {
                let known = open.account.and_then(|no| self.accounts.get(&no));
                match known.is_some_and(|known| !known.may_go) {
                    true => wrong("the account is there"),
                    false => Ok(()),
                }
            }
            (Why::LoginTaken, Asked::Register { login, .. }) => {
                match open.login_may_be_taken || self.logins[login].len() > open.registrations {
                    true => Ok(()),
                    false => wrong("nobody has the login"),
                }
            }
            (Why::UnknownSession, Asked::Refresh { token, .. }) => {
                let known = &self.accounts[&token.account];
                let lives = known.sessions.get(&token.session).is_some_and(|session| {
                    !session.is_over && !session.may_end && session.ends_at > now
                });
                match open.is_good && lives && !known.may_go {
                    true => wrong("the session lives"),
                    false => Ok(()),
                }
            }
            (Why::TokenReused, Asked::Refresh { token, .. }) => self.reused(token),
            (Why::PasswordChanged, Asked::LogIn { account, version, .. }) => {
                let known = &self.accounts[account];
                match known.passwords.len() == 1 && *version == 1 {
                    true => wrong("nobody changed the password"),
                    false => Ok(()),
                }
            }
            (Why::ResetInvalid, Asked::ResetPassword { .. })
            | (Why::PasswordChanged, Asked::SetPassword { .. }) => Ok(()),
            (Why::UnknownKey, Asked::RemoveKey { key }) => {
                match self.keys.get(key).is_some_and(|known| !known.is_gone) {
                    true => wrong("the key is there"),
                    false => Ok(()),
                }
            }
            _ => wrong(&format!("{why:?}")),
        }
    }

    /// A token was shown that had been replaced: its session is over.
    fn reused(&mut self, token: &Token) -> Result<(), String> {
        let known = self.accounts.get_mut(&token.account).expect("somebody had a token");
        let times = known.shown.get(&(token.session, token.generation)).copied().unwrap_or(0);
        let session = known.sessions.get_mut(&token.session).expect("somebody had a token");
        if times < 2 && session.generation <= token.generation {
            return Err(format!("{token:?} was shown once, and refused as used"));
        }
        session.is_over = true;
        Ok(())
    }
}

fn refreshed(
    open: &Open,
    token: Token,
    next: u64,
    known: Option<&Known>,
    seen: &SeenAccount,
    replayed: bool,
) -> Result<(), String> {
    let before = known.and_then(|known| known.sessions.get(&token.session));
    if !replayed && before.is_some_and(|session| session.generation > token.generation) {
        return Err(format!("{token:?} was used before, and is good again"));
    }
    let Some(session) = seen.session(token.session) else {
        return Err(format!("{token:?} was renewed, and its session is not there"));
    };
    if (session.generation, session.secret) != (token.generation + 1, next) {
        return Err(format!("{token:?} was renewed to {session:?}"));
    }
    if replayed && open.at > session.renewed_at + REPEAT_MS {
        return Err(format!("{token:?} was used at {}, and is good again", session.renewed_at));
    }
    Ok(())
}

/// Whether the account that is described is as it was asked to be.
fn says_what_was_asked(asked: &Asked, seen: &SeenAccount) -> Result<(), String> {
    let sessions = || seen.sessions.iter();
    let is_right = match *asked {
        Asked::Find { login } => seen.login == login,
        Asked::Show { .. } | Asked::Refresh { .. } => true,
        Asked::Register { login, password, secret, .. } => {
            (seen.login, seen.version, seen.password) == (login, 1, password)
                && sessions().map(|session| session.secret).eq([secret])
        }
        Asked::LogIn { version, secret, .. } => {
            seen.version == version && sessions().any(|session| session.secret == secret)
        }
        Asked::LogOut { session, .. } => seen.session(session).is_none(),
        Asked::LogOutEverywhere { .. } => seen.sessions.is_empty(),
        Asked::SetPassword { version, password, keep, .. } => {
            (seen.version, seen.password) == (version + 1, password)
                && sessions().all(|session| Some(session.number) == keep)
        }
        Asked::OfferReset { secret, .. } => seen.reset.is_some_and(|(of, _)| of == secret),
        Asked::ResetPassword { password, .. } => {
            seen.password == password && seen.sessions.is_empty() && seen.reset.is_none()
        }
        Asked::Consent { text, .. } => seen.consents.last() == Some(&text),
        Asked::Erase { .. } | Asked::AddKey { .. } | Asked::RemoveKey { .. } => false,
    };
    let is_theirs = asked.account().is_none_or(|account| account == seen.number);
    match is_right && is_theirs {
        true => Ok(()),
        false => Err(format!("{asked:?} was answered with {seen:?}")),
    }
}
