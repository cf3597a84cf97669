//! The language of the tables about accounts. A line is `[@SECONDS] COMMAND`; the clock stays where
//! a line put it. Tokens are called `SESSION.GENERATION`.
//!
//! ```text
//!   ann registers [as NUMBER|NAME] [agreeing TEXT]     ann found
//!   ann logs in [over PASSWORD_VERSION]                ann refreshes 1.0 [forged|anew]
//!   ann logs out 1 | everywhere                        ann sets password over 1 [keeping 2]
//!   ann offered r1 for SECONDS                         ann resets by r1
//!   ann agrees TEXT                                    ann erased
//!   key NAME with SCOPES [until SECONDS]               key NUMBER revoked
//!   restart                                            ? ann | ? count ann | ? keys
//! ```
//!
//! After each line the machine is compared with one that heard only the events and with one that
//! was rebuilt from its image.

use usher_engine::accounts::{
    Account, Accounts, AccountsCommand, ApiKeyNo, LoginHash, NewApiKey, NewSession, Proof, Refresh,
    Registration, SessionNo,
};
use usher_engine::{AccountNo, Command, Decision, Machine, MachineId, Outcome, Subject, Timestamp};

const LIVES_MS: u64 = 3_600_000;
const BEGIN: Timestamp = Timestamp(1_000_000_000);

/// Plays a script and compares each line; all differences are shown together.
#[track_caller]
pub(super) fn check(name: &str, script: &str) {
    let vacant = || Machine::vacant(MachineId::accounts(7));
    let mut stage = Stage { live: vacant(), replayed: vacant(), restored: vacant(), now: BEGIN };
    let mut differences = Vec::new();
    let lines = script.lines().map(str::trim);
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (command, expected) = match line.split_once("=>") {
            Some((command, expected)) => (command.trim(), Some(expected.trim())),
            None => (line, None),
        };
        let got = stage.play(command);
        let is_good = match expected {
            Some(expected) => expected == got,
            None => !got.starts_with("no:") && !got.starts_with("again"),
        };
        if !is_good {
            let expected = expected.unwrap_or("to be done");
            differences.push(format!("{command}\n   expected  {expected}\n        got  {got}"));
        }
    }
    assert!(differences.is_empty(), "{name}:\n{}\n", differences.join("\n"));
}

struct Stage {
    live: Machine,
    replayed: Machine,
    restored: Machine,
    now: Timestamp,
}

impl Stage {
    fn play(&mut self, line: &str) -> String {
        let mut words: Vec<&str> = line.split_whitespace().collect();
        if let Some(at) = words[0].strip_prefix('@') {
            self.now = BEGIN.plus_ms(at.parse::<u64>().expect(line) * 1_000);
            words.remove(0);
        }
        match words[..] {
            ["restart"] => {
                self.live = Machine::from_image(self.live.image()).expect("our own");
                String::new()
            }
            ["?", "keys"] => self.keys(),
            ["?", "count", name] => {
                let account = self.accounts().account(number(name)).expect(line);
                format!("{} sessions", account.sessions.len())
            }
            ["?", name] => match self.accounts().account(number(name)) {
                Some(account) => self.account(account),
                None => "no: no such account".to_owned(),
            },
            _ => {
                let command = parse(&words, self.now);
                let decision = self.run(command);
                self.tell(&decision)
            }
        }
    }

    fn accounts(&self) -> &Accounts {
        self.live.as_accounts().expect("the address says so")
    }

    fn run(&mut self, command: AccountsCommand) -> Decision {
        let command = Command::Accounts(Box::new(command));
        let decision = self.live.execute(&command, self.now);
        let twin = self.restored.execute(&command, self.now);
        assert_eq!(format!("{decision:?}"), format!("{twin:?}"), "after a restore: {command:?}");
        assert!(decision.effects.is_empty(), "accounts do nothing outside: {decision:?}");
        if let Outcome::Done { replayed, .. } = decision.outcome {
            assert_eq!(replayed, decision.events.is_empty(), "{decision:?}");
        }
        if !decision.events.is_empty() {
            let records = self.live.version() + 1;
            for machine in [&mut self.live, &mut self.replayed, &mut self.restored] {
                machine.apply(&decision.events, self.now);
                machine.assert_conserved();
                assert_eq!((machine.version(), machine.last_at()), (records, self.now));
            }
        }
        let image = self.live.image();
        assert!(image == self.replayed.image(), "replay differs after {command:?}");
        self.restored = Machine::from_image(image.clone()).expect("our own");
        assert!(image == self.restored.image(), "a restore differs after {command:?}");
        decision
    }

    fn tell(&self, decision: &Decision) -> String {
        let (subject, again) = match &decision.outcome {
            Outcome::Done { subject, replayed } => {
                (subject, if *replayed { "again: " } else { "" })
            }
            Outcome::Refused(refusal) => return format!("no: {refusal}"),
            other @ Outcome::Parked { .. } => panic!("accounts never park: {other:?}"),
        };
        match subject {
            Subject::Account(no) => match self.accounts().account(*no) {
                Some(account) => format!("{again}{}", self.account(account)),
                None => "gone".to_owned(),
            },
            Subject::ApiKey(no) => format!("{again}key {}", no.0),
            other => panic!("not about accounts: {other:?}"),
        }
    }

    fn account(&self, account: &Account) -> String {
        let live = |no: &SessionNo| account.session(*no, self.now).is_some();
        let sessions: Vec<String> = account
            .sessions
            .iter()
            .filter(|(no, _)| live(no))
            .map(|(no, s)| format!("{}.{} until {}", no.0, s.generation, seconds(s.ends_at)))
            .collect();
        let mut text = format!("password {}; ", account.password_version);
        match sessions.is_empty() {
            true => text.push_str("no sessions"),
            false => text.push_str(&format!("sessions {}", sessions.join(", "))),
        }
        if let Some(reset) = account.reset {
            text.push_str(&format!("; reset until {}", seconds(reset.ends_at)));
        }
        let consents: Vec<String> =
            account.consents.iter().map(|c| format!("{} at {}", c.text, seconds(c.at))).collect();
        if !consents.is_empty() {
            text.push_str(&format!("; agreed {}", consents.join(", ")));
        }
        text
    }

    fn keys(&self) -> String {
        let keys = self.accounts().keys().iter().map(|(no, key)| {
            let until = key.ends_at.map(|at| format!(" until {}", seconds(at)));
            format!("{} {} {}{}", no.0, key.name, key.scopes, until.unwrap_or_default())
        });
        keys.collect::<Vec<_>>().join("; ")
    }
}

fn parse(words: &[&str], now: Timestamp) -> AccountsCommand {
    let after = |word: &str| {
        let place = words.iter().position(|other| *other == word)?;
        words.get(place + 1).copied()
    };
    if let ["key", name, "with", scopes, ..] = words {
        return AccountsCommand::AddKey(NewApiKey {
            name: (*name).into(),
            proof: proof(name),
            scopes: scopes.parse().expect("bits"),
            ends_at: after("until").map(|at| BEGIN.plus_ms(at.parse::<u64>().expect(at) * 1_000)),
        });
    }
    if let ["key", no, "revoked"] = words {
        return AccountsCommand::RemoveKey { key: ApiKeyNo(no.parse().expect("a number")) };
    }
    let name = words[0];
    let account = number(name);
    let over = || after("over").map_or(1, |version| version.parse().expect("a version"));
    match words[1..] {
        ["registers", ..] => AccountsCommand::Register(Registration {
            account: after("as").map_or(account, number),
            login: login(name),
            email: name.as_bytes().into(),
            password: format!("hash of {name}").into(),
            consent: after("agreeing").map(Into::into),
            session: NewSession { proof: token(name, 1, 0), lives_ms: LIVES_MS },
        }),
        ["found"] => AccountsCommand::Find { login: login(name) },
        // The number of the next session is not known here, so all sessions but the first begin
        // with a token that names only the generation.
        ["logs", "in", ..] => AccountsCommand::OpenSession {
            account,
            password_version: over(),
            session: NewSession { proof: token(name, 2, 0), lives_ms: LIVES_MS },
        },
        ["refreshes", token_name, ref rest @ ..] => {
            let (session, generation) = token_name.split_once('.').expect("SESSION.GENERATION");
            let (session, generation) =
                (session.parse().expect("1"), generation.parse().expect("0"));
            let next = token(name, session, generation + 1);
            let shown =
                if rest == ["forged"] { proof("forged") } else { token(name, session, generation) };
            AccountsCommand::Refresh(Refresh {
                account,
                session: SessionNo(session),
                generation,
                proof: shown,
                next: if rest == ["anew"] { proof("anew") } else { next },
                lives_ms: LIVES_MS,
            })
        }
        ["logs", "out", "everywhere"] => AccountsCommand::CloseAll { account },
        ["logs", "out", no] => {
            AccountsCommand::CloseSession { account, session: SessionNo(no.parse().expect("1")) }
        }
        ["sets", "password", ..] => AccountsCommand::SetPassword {
            account,
            password_version: over(),
            password: format!("new hash at {}", now.0).into(),
            keep: after("keeping").map(|no| SessionNo(no.parse().expect("1"))),
        },
        ["offered", token_name, "for", seconds] => AccountsCommand::OfferReset {
            account,
            proof: proof(token_name),
            lives_ms: seconds.parse::<u64>().expect("seconds") * 1_000,
        },
        ["resets", "by", token_name] => AccountsCommand::ResetPassword {
            account,
            proof: proof(token_name),
            password: "hash after reset".into(),
        },
        ["agrees", text] => AccountsCommand::GiveConsent { account, text: text.into() },
        ["erased"] => AccountsCommand::Erase { account },
        _ => panic!("no such command: {words:?}"),
    }
}

fn seconds(at: Timestamp) -> u64 {
    at.ms_since(BEGIN) / 1_000
}

fn hash(text: &str) -> u128 {
    let step = |hash: u128, byte| (hash ^ u128::from(byte)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}

fn number(name: &str) -> AccountNo {
    AccountNo(name.parse().unwrap_or(hash(name) as u64))
}

fn login(name: &str) -> LoginHash {
    LoginHash(hash(&format!("login of {name}")))
}

fn proof(text: &str) -> Proof {
    Proof(hash(text).to_be_bytes())
}

/// The token of a session and generation; all sessions but the first share theirs.
fn token(name: &str, session: u32, generation: u32) -> Proof {
    proof(&format!("{name} {} {generation}", session.min(2)))
}
