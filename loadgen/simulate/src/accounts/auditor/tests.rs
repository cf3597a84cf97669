//! The auditor has to see each kind of broken promise: it is shown one after the other.

use super::super::words::{Asked, SeenAccount, SeenKey, SeenSession, Token, Told, Why};
use super::{Auditor, REPEAT_MS};

const NOW: u64 = 1_000;
const ANN: u64 = 1;
const TOKEN: Token = Token { account: ANN, session: 1, generation: 0, secret: 11 };
const REFRESH: Asked = Asked::Refresh { token: TOKEN, next: 12 };
const LOG_OUT: Asked = Asked::LogOut { account: ANN, session: 1 };
const ERASE: Asked = Asked::Erase { account: ANN };
const OFFER: Asked = Asked::OfferReset { account: ANN, secret: 21 };
const ADD_KEY: Asked = Asked::AddKey { secret: 31, scopes: 5 };
const KEY: SeenKey = SeenKey { number: 1, secret: 31, scopes: 5 };

fn session(number: u32, generation: u32, secret: u64) -> SeenSession {
    SeenSession { number, generation, secret, renewed_at: NOW, ends_at: NOW + 60_000 }
}

/// The account as it is after its registration.
fn ann() -> SeenAccount {
    SeenAccount {
        number: ANN,
        login: 7,
        password: 41,
        version: 1,
        sessions: vec![session(1, 0, 11)],
        reset: None,
        consents: Vec::new(),
    }
}

fn register(account: u64) -> Asked {
    Asked::Register { login: 7, account, secret: 10 + account, password: 40 + account }
}

fn done(seen: &SeenAccount) -> Told {
    Told::Account { seen: seen.clone(), replayed: false }
}

/// An auditor who saw this account being registered.
fn with_ann() -> Auditor {
    let mut auditor = Auditor::default();
    hear(&mut auditor, &register(ANN), &done(&ann())).expect("nothing is wrong");
    auditor
}

fn hear(auditor: &mut Auditor, asked: &Asked, told: &Told) -> Result<(), String> {
    auditor.asked(99, asked, NOW);
    auditor.told(99, told, NOW)
}

#[track_caller]
fn is_found(result: Result<(), String>, said: &str) {
    let what = result.expect_err(said);
    assert!(what.contains(said), "{what}\nshould say: {said}");
}

/// After `asked` was answered with how Ann's account stands then.
fn after(asked: &Asked, seen: &SeenAccount) -> Auditor {
    let mut auditor = with_ann();
    hear(&mut auditor, asked, &done(seen)).expect("nothing is wrong");
    auditor
}

fn renewed() -> SeenAccount {
    SeenAccount { sessions: vec![session(1, 1, 12)], ..ann() }
}

fn logged_out() -> SeenAccount {
    SeenAccount { sessions: Vec::new(), ..ann() }
}

#[test]
fn what_is_right_is_not_found() {
    let mut auditor = after(&REFRESH, &renewed());
    auditor.look(&[renewed()], NOW).expect("as it was told");
    let repeat = Told::Account { seen: renewed(), replayed: true };
    hear(&mut auditor, &REFRESH, &repeat).expect("soon after");
    hear(&mut auditor, &LOG_OUT, &done(&logged_out())).expect("logged out");
    hear(&mut auditor, &ERASE, &Told::Gone { account: ANN }).expect("erased");
    auditor.look(&[], NOW).expect("gone");
}

#[test]
fn an_account_that_is_lost_or_doubled() {
    is_found(with_ann().look(&[], NOW), "account 1 was acknowledged, and is lost");
    is_found(with_ann().look_for_good(&[], NOW), "account 1 was acknowledged, and is lost");
    let mut auditor = with_ann();
    auditor.asked(2, &register(2), NOW);
    let other = SeenAccount { number: 2, password: 42, sessions: vec![], ..ann() };
    is_found(auditor.look(&[ann(), other], NOW), "two accounts have login 7");
    let other = SeenAccount { number: 2, password: 42, sessions: vec![session(1, 0, 12)], ..ann() };
    is_found(auditor.told(2, &done(&other), NOW), "login 7 is of 1, and now of 2");
    let stranger = SeenAccount { number: 3, ..ann() };
    is_found(auditor.look(&[ann(), stranger], NOW), "nobody registered account 3");
    let renamed = SeenAccount { login: 8, ..ann() };
    is_found(auditor.look(&[renamed], NOW), "it has login 8, not 7");
}

#[test]
fn an_account_that_comes_back() {
    let mut auditor = with_ann();
    hear(&mut auditor, &ERASE, &Told::Gone { account: ANN }).expect("erased");
    is_found(auditor.look(&[ann()], NOW), "it is gone, and there again");
    // A registration that a crash took with it never comes to be.
    let mut auditor = Auditor::default();
    auditor.asked(1, &register(ANN), NOW);
    auditor.look_for_good(&[], NOW).expect("it was not acknowledged");
    is_found(auditor.look(&[ann()], NOW), "it is gone, and there again");
}

#[test]
fn a_session_that_is_lost_or_comes_back() {
    is_found(with_ann().look(&[logged_out()], NOW), "session 1 is lost");
    with_ann().look(&[logged_out()], NOW + 60_000).expect("its time is over");
    let mut auditor = with_ann();
    is_found(hear(&mut auditor, &LOG_OUT, &done(&ann())), "was answered with");
    let mut auditor = after(&LOG_OUT, &logged_out());
    is_found(auditor.look(&[ann()], NOW), "session 1 is over, and there again");
    let everywhere = Asked::LogOutEverywhere { account: ANN };
    is_found(hear(&mut with_ann(), &everywhere, &done(&ann())), "was answered with");
    let forged = SeenAccount { sessions: vec![session(1, 0, 11), session(2, 0, 77)], ..ann() };
    is_found(with_ann().look(&[forged], NOW), "nobody asked for the token of session 2");
    // A log-out that is not answered may have happened, until the server starts again.
    let mut auditor = with_ann();
    auditor.asked(1, &LOG_OUT, NOW);
    auditor.look(&[logged_out()], NOW).expect("it may");
    auditor.look_for_good(&[ann()], NOW).expect("it did not");
    is_found(auditor.look(&[logged_out()], NOW), "session 1 is lost");
}

#[test]
fn a_token_that_is_good_twice() {
    let mut auditor = after(&REFRESH, &renewed());
    is_found(hear(&mut auditor, &REFRESH, &done(&renewed())), "and is good again");
    is_found(auditor.look(&[ann()], NOW), "a token of session 1 that was replaced is good again");
    // Once more, too late.
    let mut auditor = after(&REFRESH, &renewed());
    auditor.asked(99, &REFRESH, NOW + REPEAT_MS + 1);
    let repeat = Told::Account { seen: renewed(), replayed: true };
    is_found(auditor.told(99, &repeat, NOW + REPEAT_MS + 1), "and is good again");
    // Its reuse ends the session.
    let mut auditor = after(&REFRESH, &renewed());
    hear(&mut auditor, &REFRESH, &Told::Refused(Why::TokenReused)).expect("it was reused");
    is_found(auditor.look(&[renewed()], NOW), "session 1 is over, and there again");
    // One that was shown once is good.
    let refused = |why| hear(&mut with_ann(), &REFRESH, &Told::Refused(why));
    is_found(refused(Why::TokenReused), "was shown once, and refused as used");
    is_found(refused(Why::UnknownSession), "the session lives");
}

#[test]
fn a_password_that_is_forgotten_or_good_for_too_long() {
    let change = Asked::SetPassword { account: ANN, version: 1, password: 51, keep: Some(1) };
    let changed = SeenAccount { version: 2, password: 51, ..ann() };
    let mut auditor = after(&change, &changed);
    is_found(auditor.look(&[ann()], NOW), "its password was (2, 51)");
    let other = SeenAccount { version: 3, password: 52, ..ann() };
    is_found(auditor.look(&[other], NOW), "its password was (2, 51)");
    let log_in = Asked::LogIn { account: ANN, version: 1, secret: 13 };
    let sessions = vec![session(1, 0, 11), session(2, 0, 13)];
    let logged_in = SeenAccount { sessions, ..changed.clone() };
    is_found(hear(&mut auditor, &log_in, &done(&logged_in)), "was answered with");
    let others = Asked::SetPassword { account: ANN, version: 1, password: 51, keep: None };
    is_found(hear(&mut with_ann(), &others, &done(&changed)), "was answered with");
    let refused = Told::Refused(Why::PasswordChanged);
    is_found(hear(&mut with_ann(), &log_in, &refused), "nobody changed the password");
}

#[test]
fn a_reset_that_is_good_twice() {
    let offered = SeenAccount { reset: Some((21, NOW + 500)), ..ann() };
    let reset = Asked::ResetPassword { account: ANN, secret: 21, password: 61 };
    let done_so = SeenAccount { version: 2, password: 61, ..logged_out() };
    let mut auditor = after(&OFFER, &offered);
    is_found(hear(&mut with_ann(), &reset, &done(&done_so)), "21 set a password, and must not");
    let kept = SeenAccount { sessions: ann().sessions, ..done_so.clone() };
    is_found(hear(&mut after(&OFFER, &offered), &reset, &done(&kept)), "was answered with");
    hear(&mut auditor, &reset, &done(&done_so)).expect("once");
    let again = SeenAccount { version: 3, ..done_so.clone() };
    is_found(hear(&mut auditor, &reset, &done(&again)), "21 set a password, and must not");
    let still = SeenAccount { reset: offered.reset, ..done_so };
    is_found(auditor.look(&[still], NOW), "21 may set its password, and must not");
}

#[test]
fn a_consent_that_is_lost() {
    let agreed = SeenAccount { consents: vec![9], ..ann() };
    let mut auditor = after(&Asked::Consent { account: ANN, text: 9 }, &agreed);
    is_found(auditor.look(&[ann()], NOW), "a consent of [9] is lost");
}

#[test]
fn refusals_that_cannot_be_right() {
    let refused = |asked: &Asked, why| hear(&mut with_ann(), asked, &Told::Refused(why));
    is_found(refused(&Asked::Find { login: 7 }, Why::UnknownAccount), "the account is there");
    is_found(refused(&LOG_OUT, Why::UnknownAccount), "the account is there");
    refused(&register(2), Why::LoginTaken).expect("Ann has it");
    let taken = Told::Refused(Why::LoginTaken);
    is_found(hear(&mut Auditor::default(), &register(2), &taken), "nobody has the login");
    is_found(refused(&OFFER, Why::Other), "Other");
}

#[test]
fn answers_that_come_twice_or_to_others() {
    let mut auditor = with_ann();
    is_found(auditor.told(99, &done(&ann()), NOW), "#99 was answered twice");
    is_found(hear(&mut auditor, &LOG_OUT, &Told::Gone { account: ANN }), "is gone");
    is_found(hear(&mut auditor, &Asked::Find { login: 8 }, &done(&ann())), "was answered with");
}

/// An auditor who was told of a key.
fn with_key() -> Auditor {
    let mut auditor = Auditor::default();
    auditor.asked(1, &ADD_KEY, NOW);
    auditor.sees_keys(&[KEY]).expect("it was asked for");
    auditor.told(1, &Told::Key { key: 1 }, NOW).expect("it is shown");
    auditor
}

#[test]
fn a_key_that_is_lost_altered_or_never_asked_for() {
    is_found(with_key().sees_keys(&[]), "key 1 is lost");
    let stranger = SeenKey { secret: 32, ..KEY };
    is_found(with_key().sees_keys(&[stranger]), "as nobody asked");
    let mightier = SeenKey { scopes: 15, ..KEY };
    is_found(with_key().sees_keys(&[mightier]), "as nobody asked");
    let mut auditor = Auditor::default();
    auditor.asked(1, &ADD_KEY, NOW);
    is_found(auditor.told(1, &Told::Key { key: 1 }, NOW), "and key 1 is None");
    // The number of one key is given to another.
    let mut auditor = with_key();
    auditor.asked(2, &Asked::AddKey { secret: 33, scopes: 5 }, NOW);
    is_found(auditor.sees_keys(&[SeenKey { secret: 33, ..KEY }]), "key 1 was");
}

#[test]
fn a_revoked_key_that_is_published() {
    let remove = Asked::RemoveKey { key: 1 };
    let mut auditor = with_key();
    auditor.asked(2, &remove, NOW);
    is_found(auditor.told(2, &Told::Key { key: 1 }, NOW), "was answered, and key 1 is");
    let mut auditor = with_key();
    auditor.asked(2, &remove, NOW);
    auditor.sees_keys(&[]).expect("it was to be revoked");
    auditor.told(2, &Told::Key { key: 1 }, NOW).expect("it is not shown");
    is_found(auditor.sees_keys(&[KEY]), "key 1 is gone, and shown again");
    let refused = Told::Refused(Why::UnknownKey);
    is_found(hear(&mut with_key(), &remove, &refused), "the key is there");
}
