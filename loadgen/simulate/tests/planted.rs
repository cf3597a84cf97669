//! A catalogue of bugs that are planted in the engine, the journal and the shards, one at a time:
//! the simulator has to find each within the seeds that the table says, and nothing where none is
//! planted. A simulation that finds no bug proves little, unless it is known what it would find.
//!
//! Where a bug needs two kinds of trouble at once, the table names those that can be left out of a
//! run: without any one of them, the same seeds must find nothing, or it would not be needed.
//! `scripts/planted` runs this; `USHER_PLANTED_ROWS=name,name` runs some rows.
#![cfg(feature = "planted")]

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, Once};

use usher_engine::planted::with;
use usher_simulate::Trouble::{
    self, Compaction, Crash, DamagedSnapshot, FailedFlush, FullDisk, Loan, Move, Network, Panic,
    Pause, Repeat,
};
use usher_simulate::{Config, Failure, simulate_accounts, simulate_rooms, simulate_without};

/// Steps of each run.
const STEPS: u64 = 3_000;
/// The name of the threads that simulate: what panics there is found, and not printed.
const SIMULATION: &str = "simulation";
/// Bugs that are planted for the checks over HTTP, and need a gateway to be seen.
const FOUND_ELSEWHERE: [&str; 2] = ["dirty-refusal", "stale-read"];

/// Bugs that show only where people wait, and are found by the runs of waiting rooms within
/// [`ROOM_SEEDS`].
const FOUND_IN_ROOMS: [&str; 3] =
    ["pass-used-twice", "room-shown-before-durable", "snapshot-forgets-used-passes"];
const ROOM_SEEDS: u64 = 400;

/// Bugs that show only where people have accounts, with what is wrong then and the seeds within
/// which the runs of accounts find it.
const FOUND_IN_ACCOUNTS: [(&str, &str, u64); 8] = [
    ("old-password-logs-in", "a password that was changed meanwhile still logs in", 10),
    ("token-repeats-for-ever", "the last refresh token that was replaced stays good", 10),
    ("reused-token-keeps-session", "a reused token is refused, and its session goes on", 10),
    ("password-change-keeps-sessions", "who knew the old password stays logged in", 10),
    ("reset-good-twice", "what reset a password resets it again", 10),
    ("revoked-key-stays-published", "a revoked key works until the next is made", 10),
    ("keys-published-before-durable", "a key works that a crash may take back", 10),
    ("snapshot-forgets-next-key", "the number of a revoked key is given to another", 10),
];

/// What has a shard come back from the journal.
const RESTART: &[Trouble] = &[Crash, Panic];
/// What loses a message between shards.
const LOST: &[Trouble] = &[Panic, Network];

/// One planted bug.
struct Bug {
    name: &'static str,
    /// What is wrong then.
    breaks: &'static str,
    /// What has to happen for it to show.
    when: &'static str,
    /// Trouble without which it does not show, of the kinds that a run can do without. Kinds that
    /// stand together can each take the place of the other.
    needs: &'static [&'static [Trouble]],
    /// It is found within so many seeds.
    seeds: u64,
}

const fn bug(
    name: &'static str,
    breaks: &'static str,
    when: &'static str,
    needs: &'static [&'static [Trouble]],
    seeds: u64,
) -> Bug {
    Bug { name, breaks, when, needs, seeds }
}

#[rustfmt::skip]
const CATALOGUE: &[Bug] = &[
    // What a sale does by itself.
    bug("limit-off-by-one", "a buyer gets one more than the limit",
        "nothing", &[], 10),
    bug("only-first-seat-checked", "of several wished seats only the first is looked at",
        "nothing", &[], 10),
    bug("forgotten-release-on-expiry", "a hold that runs out does not give its seats back",
        "expiry", &[], 10),
    bug("expiry-ignores-order", "an order ends when its hold would have, not when it must be paid",
        "expiry", &[], 10),
    bug("expiry-in-whole-seconds", "holds end up to a second early",
        "expiry", &[], 100),
    bug("changed-seats-not-shown", "readers are not told that a seat changed hands",
        "nothing", &[], 10),
    bug("records-swapped", "two records of one batch change places",
        "nothing", &[], 10),
    bug("ticket-lets-two-in", "a used ticket is let in again",
        "a second scan", &[], 10),
    bug("seats-stay-sold-after-refund", "an order that is taken back keeps its seats",
        "a refund", &[], 10),
    // Money.
    bug("wrong-amount-accepted", "an order is paid by another amount than its own",
        "a wrong amount", &[], 10),
    bug("second-payment-accepted", "an order that was paid keeps the second payment too",
        "a second payment", &[], 10),
    bug("repeated-callback-is-surplus", "the same payment told twice is given back",
        "a repeated callback", &[], 10),
    bug("stray-money-forgotten", "money for no order is neither kept in the books nor given back",
        "money for no order", &[], 10),
    bug("refund-not-due-for-late-money", "money that comes after the seats are gone is kept",
        "expiry, then money", &[], 40),
    // One fault.
    bug("reply-before-flush", "answers, views and effects leave before they are durable",
        "crash", &[RESTART], 10),
    bug("view-before-durable", "readers see what is not durable",
        "crash", &[RESTART], 10),
    bug("refusal-before-durable", "a refusal rests on a hold that is not durable",
        "crash", &[RESTART], 100),
    bug("time-not-given-back", "a restart takes its time from live holds",
        "crash", &[RESTART], 10),
    bug("extension-skips-orders", "only holds get time back, unpaid orders do not",
        "crash", &[RESTART], 10),
    bug("seats-kept-without-direction", "seats out of order come back from the disk as others",
        "crash", &[], 10),
    bug("torn-tail-kept", "a torn batch is not cut off",
        "torn flush", &[&[FailedFlush]], 10),
    bug("replay-starts-one-late", "a replay skips the first record after the snapshot",
        "compaction", &[&[Compaction]], 10),
    bug("snapshot-forgets-held-seats", "a snapshot lacks the seats that are held",
        "compaction", &[&[Compaction]], 10),
    bug("unfinished-snapshot-counts", "a snapshot exists before it is finished",
        "compaction that breaks off", &[&[Compaction]], 20),
    bug("route-not-updated", "requests go on to the old owner of a partition",
        "move", &[&[Move]], 10),
    bug("requests-lost-in-move", "what waited for a partition is dropped when it arrives",
        "move", &[&[Move]], 10),
    bug("timers-not-set-again", "whoever takes a partition over sets no timers",
        "move or crash", &[], 10),
    bug("timer-dropped-on-full-disk", "a hold whose time comes while the disk is full never ends",
        "full disk", &[&[FullDisk]], 60),
    bug("extended-hold-never-ends", "a hold that got more time has no timer any more",
        "more time", &[], 10),
    bug("expiry-trusts-timers", "a timer ends a hold that got more time meanwhile",
        "more time", &[], 60),
    bug("loan-taken-twice", "tickets that are sent again arrive twice",
        "slow loan", &[&[Loan]], 10),
    bug("own-loans-forgotten", "sold out is said while a ticket is on its way to another segment",
        "slow loan", &[&[Loan]], 60),
    // Two faults that have to meet.
    bug("loan-not-sent-again", "tickets that were on their way never arrive",
        "loan + lost message or panic", &[&[Loan], LOST], 80),
    bug("terms-told-once", "a segment never hears that the sale was paused or resumed",
        "pause + lost message or panic", &[&[Pause], LOST], 100),
    bug("refund-forgotten-by-restart", "money that is due back stays where it is",
        "money due back + crash", &[RESTART], 10),
    bug("parked-lost-in-move", "who waits for stock when the partition moves is never answered",
        "loan on its way + move", &[&[Loan], &[Move]], 80),
    bug("flush-error-swallowed", "a failed flush counts as a good one",
        "failed flush + crash", &[&[FailedFlush], RESTART], 10),
    bug("snapshot-forgets-keys", "a repeat of what was granted is granted again, or refused",
        "repeat + crash, after a compaction", &[&[Repeat], RESTART, &[Compaction]], 40),
    bug("snapshot-forgets-strays", "money for no order is gone from the books",
        "compaction + crash", &[&[Compaction], RESTART], 10),
    bug("snapshot-forgets-loans-taken", "no loan of an old lender is taken any more",
        "loan + crash, after a compaction", &[&[Loan], RESTART, &[Compaction]], 20),
    bug("snapshot-forgets-partition-seq", "the journal refuses the next record of a partition",
        "compaction + crash", &[&[Compaction], RESTART], 20),
    bug("generation-forgets-what-it-follows", "the journal does not open after a rotation",
        "compaction + crash", &[&[Compaction], RESTART], 10),
    bug("journal-cut-behind-newest-snapshot", "the snapshot before the newest lacks its journal",
        "compaction + damaged snapshot", &[&[Compaction], &[DamagedSnapshot]], 30),
    bug("replay-from-the-damaged-snapshot", "an old snapshot is followed by a new one's journal",
        "compaction + damaged snapshot", &[&[Compaction], &[DamagedSnapshot]], 10),
];

/// What came of one row.
struct Outcome {
    found: Option<Failure>,
    /// Trouble without which it was found as well.
    found_without: Vec<(&'static [Trouble], Failure)>,
}

impl Bug {
    fn first_failure(&self, without: &'static [Trouble]) -> Option<Failure> {
        let run = |seed| simulate_without(without, &Config { seed, steps: STEPS }).err();
        with(self.name, || (1..=self.seeds).find_map(run)).map(|failure| *failure)
    }

    fn look_for(&'static self) -> Outcome {
        let without = |&trouble| Some((trouble, self.first_failure(trouble)?));
        let found_without = self.needs.iter().filter_map(without).collect();
        Outcome { found: self.first_failure(&[]), found_without }
    }
}

impl Outcome {
    fn is_as_stated(&self) -> bool {
        self.found.is_some() && self.found_without.is_empty()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.found {
            Some(found) => write!(f, "{}", at_a_glance(found))?,
            None => write!(f, "NOT FOUND")?,
        }
        for (trouble, failure) in &self.found_without {
            write!(f, "\n    ALSO WITHOUT {trouble:?}: {}", at_a_glance(failure))?;
        }
        Ok(())
    }
}

fn at_a_glance(failure: &Failure) -> String {
    let what: String = failure.what.chars().take(110).collect();
    format!("{:>3} {:>5}  {}", failure.seed, failure.step, what.replace('\n', " "))
}

/// Does something for each of `count` rows, on all cores, in threads whose panics are not printed.
fn for_each(count: usize, work: impl Fn(usize) + Sync) {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let otherwise = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if std::thread::current().name() != Some(SIMULATION) {
                otherwise(panic);
            }
        }));
    });
    let next = AtomicUsize::new(0);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            let thread = std::thread::Builder::new().name(SIMULATION.into());
            let work = || {
                let rows = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
                rows.take_while(|row| *row < count).for_each(&work);
            };
            thread.spawn_scoped(scope, work).expect("a thread can be started");
        }
    });
}

#[test]
fn each_bug_is_found_and_needs_what_it_is_said_to_need() {
    let only = std::env::var("USHER_PLANTED_ROWS").ok();
    let is_wanted =
        |bug: &&Bug| only.as_ref().is_none_or(|only| only.split(',').any(|n| n == bug.name));
    let rows: Vec<&'static Bug> = CATALOGUE.iter().filter(is_wanted).collect();
    let wrong = Mutex::new(Vec::new());
    println!("{:<35} {:<35} {:>5} {:>4} {:>5}  said", "bug", "when", "seeds", "seed", "step");
    for_each(rows.len(), |row| {
        let bug = rows[row];
        let outcome = bug.look_for();
        println!("{:<35} {:<35} {:>5}  {outcome}", bug.name, bug.when, bug.seeds);
        if !outcome.is_as_stated() {
            wrong
                .lock()
                .expect("no panic")
                .push(format!("{}: {}: {outcome}", bug.name, bug.breaks));
        }
    });
    let wrong = wrong.into_inner().expect("no panic");
    assert!(wrong.is_empty(), "not as the table says:\n{}", wrong.join("\n"));
}

#[test]
fn without_a_bug_nothing_is_found() {
    let seeds = CATALOGUE.iter().map(|bug| bug.seeds).max().expect("there are bugs");
    let found = Mutex::new(Vec::new());
    for_each(seeds as usize, |row| {
        let config = Config { seed: row as u64 + 1, steps: STEPS };
        if let Err(failure) = simulate_without(&[], &config) {
            found.lock().expect("no panic").push(failure.to_string());
        }
    });
    let found = found.into_inner().expect("no panic");
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn each_bug_of_a_waiting_room_is_found() {
    for name in FOUND_IN_ROOMS {
        let found = (1..=ROOM_SEEDS).find_map(|seed| {
            let config = Config { seed, steps: STEPS };
            with(name, || simulate_rooms(&config)).err()
        });
        let failure = found.unwrap_or_else(|| panic!("{name} is not found"));
        println!("{name:<35} {failure}");
    }
    for seed in 1..=ROOM_SEEDS {
        if let Err(failure) = simulate_rooms(&Config { seed, steps: STEPS }) {
            panic!("{failure}");
        }
    }
}

#[test]
fn each_bug_of_accounts_is_found() {
    let run = |seed| simulate_accounts(&Config { seed, steps: STEPS }).err();
    for (name, breaks, seeds) in FOUND_IN_ACCOUNTS {
        let failure = with(name, || (1..=seeds).find_map(run));
        let failure = failure.unwrap_or_else(|| panic!("{name} is not found: {breaks}"));
        println!("{name:<35} {}", at_a_glance(&failure));
    }
    let most = FOUND_IN_ACCOUNTS.iter().map(|(_, _, seeds)| *seeds).max().expect("some");
    if let Some(failure) = (1..=most).find_map(run) {
        panic!("{failure}");
    }
}

#[test]
fn the_catalogue_is_what_is_planted() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut planted = BTreeSet::new();
    for of in ["engine", "persistence", "shards", "gateway"] {
        planted_below(&root.join(of).join("src"), &mut planted);
    }
    let elsewhere = |name: &str| {
        let in_accounts = FOUND_IN_ACCOUNTS.iter().any(|(listed, ..)| *listed == name);
        FOUND_ELSEWHERE.contains(&name) || FOUND_IN_ROOMS.contains(&name) || in_accounts
    };
    planted.retain(|name| !elsewhere(name));
    let listed: BTreeSet<String> = CATALOGUE.iter().map(|bug| bug.name.to_owned()).collect();
    assert_eq!(listed, planted);
    assert_eq!(listed.len(), CATALOGUE.len(), "a bug is listed twice");

    let of_two = CATALOGUE.iter().filter(|bug| bug.when.contains(" + ")).count();
    assert!(listed.len() >= 25 && of_two >= 10, "{} bugs, {of_two} of two faults", listed.len());
}

/// Adds the names of all bugs that are planted in the sources below a folder.
fn planted_below(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("sources can be listed") {
        let path = entry.expect("sources can be listed").path();
        if path.is_dir() {
            planted_below(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("sources can be read");
            let sites = text.split("planted(\"").skip(1);
            names.extend(sites.filter_map(|site| Some(site.split_once('"')?.0.to_owned())));
        }
    }
}
