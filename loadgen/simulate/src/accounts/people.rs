//! Who has accounts, what they ask for next, and what they remember. They repeat themselves, use
//! tokens that were replaced long ago, log in with a password of before, and come back after they
//! were forgotten.

use crate::random::Random;

use super::words::{Asked, SeenAccount, Token, Told};

/// Logins there are. Few, so that people meet.
const LOGINS: u64 = 9;
/// Machines that accounts are spread over here.
pub(super) const BUCKETS: usize = 3;
/// Tokens, ways to set a password and keys that somebody remembers.
const REMEMBERED: usize = 24;

/// One request on its way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Ask {
    /// Which bucket; [`BUCKETS`] for keys.
    pub(super) at: usize,
    pub(super) asked: Asked,
}

#[derive(Debug, Default)]
struct Person {
    /// The account as it was last heard of.
    account: Option<u64>,
    version: u32,
    /// Newest last.
    tokens: Vec<Token>,
    resets: Vec<(u64, u64)>,
}

#[derive(Debug)]
pub(super) struct People {
    people: Vec<Person>,
    keys: Vec<u32>,
    /// Numbers and secrets that were drawn so far.
    drawn: u64,
}

impl People {
    /// Nobody has an account.
    pub(super) fn new() -> Self {
        let people = (0..LOGINS).map(|_| Person::default()).collect();
        Self { people, keys: Vec::new(), drawn: 0 }
    }

    /// What somebody asks for next.
    pub(super) fn next(&mut self, random: &mut Random) -> Ask {
        let login = random.below(LOGINS);
        let asked = match random.below(100) {
            0..4 => Asked::AddKey { secret: self.draw(), scopes: 1 + random.below(15) as u8 },
            4..6 => match random.choose(&self.keys) {
                Some(key) => Asked::RemoveKey { key: *key },
                None => Asked::Find { login },
            },
            6..12 => Asked::Find { login },
            12..18 => self.register(login),
            _ => match self.people[login as usize].account {
                None => self.register(login),
                Some(account) => self.of_their_own(login, account, random),
            },
        };
        Ask { at: at(login, &asked), asked }
    }

    /// The same once more, as a client sends it that heard no answer. What the server draws for
    /// each request is drawn anew.
    pub(super) fn again(&mut self, ask: &Ask) -> Ask {
        let mut ask = ask.clone();
        match &mut ask.asked {
            Asked::Register { account, secret, .. } => {
                (*account, *secret) = (self.draw(), self.draw());
            }
            Asked::LogIn { secret, .. }
            | Asked::OfferReset { secret, .. }
            | Asked::AddKey { secret, .. } => *secret = self.draw(),
            _ => {}
        }
        ask
    }

    fn register(&mut self, login: u64) -> Asked {
        let (account, secret, password) = (self.draw(), self.draw(), self.draw());
        Asked::Register { login, account, secret, password }
    }

    fn of_their_own(&mut self, login: u64, account: u64, random: &mut Random) -> Asked {
        let (secret, password) = (self.draw(), self.draw());
        let person = &self.people[login as usize];
        // Some use a password that was changed since.
        let version = person.version - u32::from(person.version > 1 && random.once_in(12));
        let newest = person.tokens.last().copied();
        let token = if random.once_in(3) { random.choose(&person.tokens).copied() } else { newest };
        match (random.below(82), token) {
            (0..22, _) | (_, None) => Asked::LogIn { account, version, secret },
            (22..52, Some(token)) => Asked::Refresh { token, next: next_secret(token.secret) },
            (52..59, Some(Token { session, .. })) => Asked::LogOut { account, session },
            (59..61, _) => Asked::LogOutEverywhere { account },
            (61..66, Some(Token { session, .. })) => {
                let keep = random.once_in(2).then_some(session);
                Asked::SetPassword { account, version, password, keep }
            }
            (66..71, _) => Asked::OfferReset { account, secret },
            (71..77, _) => match random.choose(&person.resets) {
                Some((account, secret)) => {
                    Asked::ResetPassword { account: *account, secret: *secret, password }
                }
                None => Asked::Show { account },
            },
            (77..79, _) => Asked::Consent { account, text: secret },
            (79..80, _) => Asked::Erase { account },
            _ => Asked::Show { account: token.map_or(account, |token| token.account) },
        }
    }

    /// Somebody was told something.
    pub(super) fn told(&mut self, asked: &Asked, told: &Told) {
        match (asked, told) {
            (_, Told::Account { seen, .. }) => self.sees(asked, seen),
            (_, Told::Gone { account }) => {
                let of_it = |person: &&mut Person| person.account == Some(*account);
                if let Some(person) = self.people.iter_mut().find(of_it) {
                    // The old tokens are kept: somebody may try them.
                    person.account = None;
                }
            }
            (Asked::AddKey { .. }, Told::Key { key }) => remember(&mut self.keys, *key),
            _ => {}
        }
    }

    fn sees(&mut self, asked: &Asked, seen: &SeenAccount) {
        let person = &mut self.people[seen.login as usize];
        (person.account, person.version) = (Some(seen.number), seen.version);
        let secret = match asked {
            Asked::Register { secret, .. } | Asked::LogIn { secret, .. } => *secret,
            Asked::Refresh { next, .. } => *next,
            Asked::OfferReset { secret, .. } => {
                return remember(&mut person.resets, (seen.number, *secret));
            }
            _ => return,
        };
        if let Some(session) = seen.sessions.iter().find(|session| session.secret == secret) {
            let (account, generation) = (seen.number, session.generation);
            let token = Token { account, session: session.number, generation, secret };
            remember(&mut person.tokens, token);
        }
    }

    fn draw(&mut self) -> u64 {
        self.drawn += 1;
        self.drawn
    }
}

/// Where it has to be asked. Accounts of one login stay in one bucket.
fn at(login: u64, asked: &Asked) -> usize {
    match asked {
        Asked::AddKey { .. } | Asked::RemoveKey { .. } => BUCKETS,
        _ => login as usize % BUCKETS,
    }
}

/// The secret that follows from one, as the server makes it: the finaliser of splitmix64.
fn next_secret(secret: u64) -> u64 {
    Random::new(secret).next()
}

fn remember<T>(all: &mut Vec<T>, one: T) {
    if all.len() == REMEMBERED {
        all.remove(0);
    }
    all.push(one);
}
