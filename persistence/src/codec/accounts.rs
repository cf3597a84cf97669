//! Where events and images of accounts have their places: see `events` for the rules.

use usher_engine::accounts::{
    Account, AccountsEvent, AccountsImage, ApiKey, Consent, Reset, Session, SessionEnd,
};

use super::CodecError;
use super::layout::{OnDisk, numbered, row, tagged};
use super::pack::{Pen, Source};

tagged! {
    AccountsEvent {
        1 = Registered { account, login, email, password },
        2 = SessionOpened { account, session, proof, ends_at },
        3 = SessionRenewed { account, session, proof, ends_at },
        4 = SessionsEnded { account, sessions, cause },
        5 = PasswordSet { account, password },
        6 = ResetOffered { account, proof, ends_at },
        7 = ConsentGiven { account, text },
        8 = Erased { account },
        9 = KeyAdded { name, proof, scopes, ends_at },
        10 = KeyRemoved { key },
    }
}

numbered! {
    SessionEnd {
        1 = LoggedOut,
        2 = TokenReused,
        3 = PasswordSet,
        4 = Crowded,
    }
}

row! {
    AccountsImage { id, version, last_at, accounts, keys, next_key }

    Account {
        login, email, password, password_version, made_at, sessions, next_session, reset, consents,
    }

    Session { proof, generation, opened_at, renewed_at, ends_at }

    Reset { proof, ends_at }

    Consent { text, at }

    ApiKey { name, proof, scopes, made_at, ends_at }
}
