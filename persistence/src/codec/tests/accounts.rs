//! Every event and an image of accounts as bytes: see `golden` for what a line that changes means.

use std::fmt::Write as _;

use usher_engine::accounts::{
    Accounts, AccountsEvent, ApiKeyNo, LoginHash, Proof, SessionEnd, SessionNo,
};
use usher_engine::{AccountNo, Event, Machine, MachineId, Timestamp};

use super::samples::NOW;
use super::{Plans, hex, unhex};
use crate::codec::{decode_image, decode_record, encode_image, encode_record};

/// `name: bytes`, a line for each event and then for the image.
const GOLDEN: &str = include_str!("accounts.txt");

fn events() -> Vec<(&'static str, AccountsEvent)> {
    let account = AccountNo(0x0102_0304_0506_0708);
    let (session, proof) = (SessionNo(3), Proof([7; 16]));
    let ends_at = Timestamp(NOW.0 + 1_000);
    let ended = |cause| AccountsEvent::SessionsEnded {
        account,
        sessions: vec![SessionNo(3), SessionNo(300)],
        cause,
    };
    vec![
        (
            "registered",
            AccountsEvent::Registered {
                account,
                login: LoginHash(9),
                email: [1, 2, 3].into(),
                password: "$argon2id$".into(),
            },
        ),
        ("session opened", AccountsEvent::SessionOpened { account, session, proof, ends_at }),
        ("session renewed", AccountsEvent::SessionRenewed { account, session, proof, ends_at }),
        ("logged out", ended(SessionEnd::LoggedOut)),
        ("token reused", ended(SessionEnd::TokenReused)),
        ("ended by password", ended(SessionEnd::PasswordSet)),
        ("crowded out", ended(SessionEnd::Crowded)),
        ("password set", AccountsEvent::PasswordSet { account, password: "$argon2id$".into() }),
        ("reset offered", AccountsEvent::ResetOffered { account, proof, ends_at }),
        ("consent given", AccountsEvent::ConsentGiven { account, text: "v1".into() }),
        ("erased", AccountsEvent::Erased { account }),
        (
            "key added",
            AccountsEvent::KeyAdded { name: "box".into(), proof, scopes: 5, ends_at: None },
        ),
        (
            "key with an end added",
            AccountsEvent::KeyAdded {
                name: "box".into(),
                proof,
                scopes: 5,
                ends_at: Some(ends_at),
            },
        ),
        ("key removed", AccountsEvent::KeyRemoved { key: ApiKeyNo(2) }),
    ]
}

fn event(event: AccountsEvent) -> Event {
    Event::Accounts(Box::new(event))
}

/// Accounts with something in every place of their image.
fn sample() -> Machine {
    let mut accounts = Accounts::vacant(MachineId::accounts(7));
    let ends = |happened: &AccountsEvent| {
        matches!(happened, AccountsEvent::Erased { .. } | AccountsEvent::SessionsEnded { .. })
    };
    for (_, happened) in events().into_iter().filter(|(_, happened)| !ends(happened)) {
        accounts.apply(&[event(happened)], NOW);
    }
    Machine::Accounts(accounts)
}

#[test]
fn accounts_are_written_and_read_as_they_always_were() {
    let mut written = String::new();
    for (name, happened) in events() {
        let mut payload = Vec::new();
        encode_record(MachineId::accounts(7), NOW, &[event(happened)], &mut payload);
        writeln!(written, "{name}: {}", hex(&payload)).expect("memory");
    }
    let mut payload = Vec::new();
    encode_image(&sample().image(), &mut payload);
    writeln!(written, "image: {}", hex(&payload)).expect("memory");
    assert_eq!(written, GOLDEN);
    let golden = |wanted: &str| {
        let lines = GOLDEN.lines().map(|line| line.split_once(": ").expect("a name and bytes"));
        unhex(lines.into_iter().find(|(name, _)| *name == wanted).expect(wanted).1)
    };
    for (name, happened) in events() {
        let decoded = decode_record(&golden(name), &Plans(None)).expect(name);
        assert_eq!(format!("{:?}", decoded.events), format!("{:?}", [event(happened)]), "{name}");
    }
    let image = decode_image(&golden("image"), &Plans(None)).expect("the image");
    assert!(image == sample().image());
    assert!(Machine::from_image(image).expect("our own").image() == sample().image());
}
