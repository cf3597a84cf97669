//! Logging in, and going on without a password: see the module for what a reused token means.

use super::decide::{done, wrap};
use super::{
    Account, AccountsEvent, NewSession, REFRESH_REPEAT_MS, Refresh, SESSIONS_MAX, SessionEnd,
};
use crate::decision::{Decision, Subject};
use crate::id::AccountNo;
use crate::planted::planted;
use crate::refusal::Refusal;
use crate::time::Timestamp;

/// A new session; where there are too many, the one that was used least recently makes room.
pub(super) fn open_events(
    account: AccountNo,
    known: &Account,
    session: &NewSession,
    now: Timestamp,
) -> Vec<AccountsEvent> {
    let mut events = Vec::new();
    let live = || known.sessions.iter().filter(|(_, session)| now < session.ends_at);
    if live().count() >= SESSIONS_MAX {
        let oldest = live().min_by_key(|(no, session)| (session.renewed_at, **no));
        let sessions = oldest.map(|(no, _)| *no).into_iter().collect();
        let cause = SessionEnd::Crowded;
        events.push(AccountsEvent::SessionsEnded { account, sessions, cause });
    }
    events.push(AccountsEvent::SessionOpened {
        account,
        session: known.next_session,
        proof: session.proof,
        ends_at: now.plus_ms(session.lives_ms),
    });
    events
}

impl Account {
    /// Whoever asks has checked that the token was given out here, so an old one was good once.
    pub(super) fn refresh(&self, refresh: &Refresh, now: Timestamp) -> Decision {
        let Refresh { account, session: no, generation, proof, next, lives_ms } = *refresh;
        let Some(session) = self.session(no, now) else {
            return Decision::refuse(Refusal::UnknownSession);
        };
        if generation == session.generation {
            if proof != session.proof {
                return Decision::refuse(Refusal::UnknownSession);
            }
            let ends_at = now.plus_ms(lives_ms);
            let event =
                AccountsEvent::SessionRenewed { account, session: no, proof: next, ends_at };
            return done(account, vec![event]);
        }
        if generation > session.generation {
            return Decision::refuse(Refusal::UnknownSession);
        }
        let was_last = generation + 1 == session.generation && next == session.proof;
        let is_soon = now.ms_since(session.renewed_at) <= REFRESH_REPEAT_MS;
        if was_last && (is_soon || planted("token-repeats-for-ever")) {
            return Decision::replay(Subject::Account(account));
        }
        if planted("reused-token-keeps-session") {
            return Decision::refuse(Refusal::TokenReused);
        }
        let (sessions, cause) = (vec![no], SessionEnd::TokenReused);
        let ended = AccountsEvent::SessionsEnded { account, sessions, cause };
        Decision { events: wrap(vec![ended]), ..Decision::refuse(Refusal::TokenReused) }
    }
}
