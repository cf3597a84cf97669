//! From plain words to the engine's commands, and from its values back. This is the only file
//! about accounts that knows both.

use usher_engine::accounts::{
    Account, Accounts, AccountsCommand, ApiKeyNo, LoginHash, NewApiKey, NewSession, Proof, Refresh,
    Registration, SessionNo,
};
use usher_engine::{AccountNo, Command, Refusal, Subject};
use usher_shards::Found;
use usher_shards::message::Reply;
use usher_shards::view::ApiKeys;

use super::words::{Asked, SeenAccount, SeenKey, SeenSession, Told, Why};

/// How long a session lives unless it is renewed, in milliseconds.
const SESSION_MS: u64 = 120_000;
/// How long a way to set the password is good, in milliseconds.
const RESET_MS: u64 = 30_000;

pub(super) fn command(asked: &Asked) -> Command {
    let new = |secret| NewSession { proof: proof(secret), lives_ms: SESSION_MS };
    let account_no = AccountNo;
    Command::Accounts(Box::new(match *asked {
        Asked::Find { login } => AccountsCommand::Find { login: LoginHash(login.into()) },
        Asked::Show { account } => AccountsCommand::Show { account: account_no(account) },
        Asked::Register { login, account, secret, password } => {
            AccountsCommand::Register(Registration {
                account: account_no(account),
                login: LoginHash(login.into()),
                email: Box::default(),
                password: text(password),
                consent: None,
                session: new(secret),
            })
        }
        Asked::LogIn { account, version, secret } => AccountsCommand::OpenSession {
            account: account_no(account),
            password_version: version,
            session: new(secret),
        },
        Asked::Refresh { token, next } => AccountsCommand::Refresh(Refresh {
            account: account_no(token.account),
            session: SessionNo(token.session),
            generation: token.generation,
            proof: proof(token.secret),
            next: proof(next),
            lives_ms: SESSION_MS,
        }),
        Asked::LogOut { account, session } => AccountsCommand::CloseSession {
            account: account_no(account),
            session: SessionNo(session),
        },
        Asked::LogOutEverywhere { account } => {
            AccountsCommand::CloseAll { account: account_no(account) }
        }
        Asked::SetPassword { account, version, password, keep } => AccountsCommand::SetPassword {
            account: account_no(account),
            password_version: version,
            password: text(password),
            keep: keep.map(SessionNo),
        },
        Asked::OfferReset { account, secret } => AccountsCommand::OfferReset {
            account: account_no(account),
            proof: proof(secret),
            lives_ms: RESET_MS,
        },
        Asked::ResetPassword { account, secret, password } => AccountsCommand::ResetPassword {
            account: account_no(account),
            proof: proof(secret),
            password: text(password),
        },
        Asked::Consent { account, text: version } => {
            AccountsCommand::GiveConsent { account: account_no(account), text: text(version) }
        }
        Asked::Erase { account } => AccountsCommand::Erase { account: account_no(account) },
        Asked::AddKey { secret, scopes } => AccountsCommand::AddKey(NewApiKey {
            name: text(secret),
            proof: proof(secret),
            scopes,
            ends_at: None,
        }),
        Asked::RemoveKey { key } => AccountsCommand::RemoveKey { key: ApiKeyNo(key) },
    }))
}

pub(super) fn told(reply: &Reply) -> Told {
    match reply {
        Reply::Done(answer) => match (&answer.subject, &answer.found) {
            (Subject::Account(no), Found::Account(account)) => {
                Told::Account { seen: seen(*no, account), replayed: answer.replayed }
            }
            (Subject::Account(no), _) => Told::Gone { account: no.0 },
            (Subject::ApiKey(no), _) => Told::Key { key: no.0 },
            (other, _) => unreachable!("accounts do not answer about {other:?}"),
        },
        Reply::Refused(refusal) => Told::Refused(match refusal {
            Refusal::UnknownAccount => Why::UnknownAccount,
            Refusal::LoginTaken => Why::LoginTaken,
            Refusal::UnknownSession => Why::UnknownSession,
            Refusal::TokenReused => Why::TokenReused,
            Refusal::PasswordChanged => Why::PasswordChanged,
            Refusal::ResetInvalid => Why::ResetInvalid,
            Refusal::UnknownApiKey => Why::UnknownKey,
            _ => Why::Other,
        }),
        Reply::Counted(_) => unreachable!("nobody asked for a count"),
        Reply::Unavailable(_) => Told::NotNow,
    }
}

/// All accounts of these machines.
pub(super) fn seen_all<'a>(machines: impl Iterator<Item = &'a Accounts>) -> Vec<SeenAccount> {
    machines
        .flat_map(|machine| machine.image().accounts)
        .map(|(no, account)| seen(no, &account))
        .collect()
}

pub(super) fn seen_keys(keys: &ApiKeys) -> Vec<SeenKey> {
    let all = keys.all().iter();
    all.filter(|(_, key)| keys.find(key.proof).is_some())
        .map(|(no, key)| SeenKey { number: no.0, secret: secret_of(key.proof), scopes: key.scopes })
        .collect()
}

fn seen(no: AccountNo, account: &Account) -> SeenAccount {
    let sessions = account.sessions.iter().map(|(no, session)| SeenSession {
        number: no.0,
        generation: session.generation,
        secret: secret_of(session.proof),
        renewed_at: session.renewed_at.0,
        ends_at: session.ends_at.0,
    });
    SeenAccount {
        number: no.0,
        login: account.login.0 as u64,
        password: number(&account.password),
        version: account.password_version,
        sessions: sessions.collect(),
        reset: account.reset.map(|reset| (secret_of(reset.proof), reset.ends_at.0)),
        consents: account.consents.iter().map(|consent| number(&consent.text)).collect(),
    }
}

fn proof(secret: u64) -> Proof {
    let mut bytes = [0x5a; 16];
    bytes[..8].copy_from_slice(&secret.to_le_bytes());
    Proof(bytes)
}

fn secret_of(proof: Proof) -> u64 {
    u64::from_le_bytes(proof.0[..8].try_into().expect("8 of 16 bytes"))
}

fn text(number: u64) -> Box<str> {
    number.to_string().into()
}

fn number(text: &str) -> u64 {
    text.parse().expect("only numbers were given")
}
