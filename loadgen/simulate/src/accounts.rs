//! People with accounts, and keys of integrators, from one seed: the world that fails in the same
//! ways, with people who register, log in, go on without a password, log out, change and reset
//! passwords, and are forgotten. Requests are lost on the way, come twice, and overtake each other;
//! answers are lost; shards panic; the process dies between any two steps.
//!
//! | file | is about |
//! |---|---|
//! | `words.rs` | what is asked and told, in plain numbers |
//! | `people.rs` | who asks what next |
//! | `auditor.rs` | what must hold, and what was told of it |
//! | `eyes.rs` | the only file that knows the engine's values |

mod auditor;
mod eyes;
mod people;
mod words;

use std::collections::{BTreeMap, VecDeque};
use std::hash::{Hash, Hasher as _};
use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;
use usher_engine::{Machine, MachineId, PartitionId};
use usher_persistence::Fault;
use usher_shards::core::Moment;
use usher_shards::message::{Reply, Request};
use xxhash_rust::xxh3::Xxh3;

use crate::people::hall;
use crate::random::Random;
use crate::run::{Config, panic_text};
use crate::summary::Failure;
use crate::world::{Died, Plans, Stumbles, Turn, World};

use auditor::Auditor;
use people::{Ask, BUCKETS, People};
use words::{Asked, SeenAccount, Told, Why};

/// When it all begins, in milliseconds.
const START_MS: u64 = 1_000_000_000;
/// Requests on their way to the server, at most.
const ON_THE_WAY_MAX: usize = 8;
/// Requests that may wait for answers.
const WAITING_MAX: usize = 40;
const SHARDS_MAX: u64 = 3;
/// Lines that a failure shows.
const WORDS_MAX: usize = 60;

/// What a run that held all promises was like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountsSummary {
    /// Requests that reached the server.
    pub commands: u64,
    /// Accounts made.
    pub registered: u64,
    /// Log-ins.
    pub logged_in: u64,
    /// Refresh tokens that were replaced.
    pub refreshed: u64,
    /// Answers to a refresh that were given once more.
    pub repeated: u64,
    /// Tokens refused since they had been replaced.
    pub reused: u64,
    /// Log-outs, of one session or of all.
    pub logged_out: u64,
    /// Passwords changed or reset.
    pub passwords: u64,
    /// Accounts erased.
    pub erased: u64,
    /// Keys revoked.
    pub keys_revoked: u64,
    /// Requests that came twice.
    pub doubled: u64,
    /// Requests that were lost on the way, and answers that nobody heard.
    pub lost: u64,
    /// Times that the process died.
    pub crashes: u64,
    /// Shards that panicked and came back.
    pub panics: u64,
    /// Checks of the auditor.
    pub checks: u64,
    /// Hash of everything that happened.
    pub history: u64,
}

impl AccountsSummary {
    /// What is counted, by name.
    #[must_use]
    pub fn counts(&self) -> [(&'static str, u64); 15] {
        [
            ("commands", self.commands),
            ("accounts registered", self.registered),
            ("log-ins", self.logged_in),
            ("tokens replaced", self.refreshed),
            ("answers repeated", self.repeated),
            ("tokens reused", self.reused),
            ("log-outs", self.logged_out),
            ("passwords set", self.passwords),
            ("accounts erased", self.erased),
            ("keys revoked", self.keys_revoked),
            ("requests doubled", self.doubled),
            ("requests or answers lost", self.lost),
            ("crashes", self.crashes),
            ("panics", self.panics),
            ("checks", self.checks),
        ]
    }

    /// Adds another run to this one.
    pub fn add(&mut self, other: &Self) {
        self.commands += other.commands;
        self.registered += other.registered;
        self.logged_in += other.logged_in;
        self.refreshed += other.refreshed;
        self.repeated += other.repeated;
        self.reused += other.reused;
        self.logged_out += other.logged_out;
        self.passwords += other.passwords;
        self.erased += other.erased;
        self.keys_revoked += other.keys_revoked;
        self.doubled += other.doubled;
        self.lost += other.lost;
        self.crashes += other.crashes;
        self.panics += other.panics;
        self.checks += other.checks;
        self.history = self.history.rotate_left(1) ^ other.history;
    }

    fn note(&mut self, asked: &Asked, told: &Told) {
        let (replayed, seen) = match told {
            Told::Account { replayed, .. } => (*replayed, true),
            Told::Gone { .. } | Told::Key { .. } => (false, true),
            Told::Refused(Why::TokenReused) => return self.reused += 1,
            Told::Refused(_) | Told::NotNow => return,
        };
        let counter = match asked {
            Asked::Register { .. } => &mut self.registered,
            Asked::LogIn { .. } => &mut self.logged_in,
            Asked::Refresh { .. } if replayed => &mut self.repeated,
            Asked::Refresh { .. } => &mut self.refreshed,
            Asked::LogOut { .. } | Asked::LogOutEverywhere { .. } => &mut self.logged_out,
            Asked::SetPassword { .. } | Asked::ResetPassword { .. } => &mut self.passwords,
            Asked::Erase { .. } => &mut self.erased,
            Asked::RemoveKey { .. } => &mut self.keys_revoked,
            _ => return,
        };
        *counter += u64::from(seen);
    }
}

/// Runs a world of accounts.
///
/// # Errors
/// The first promise that was broken, after the shortest run that breaks it.
pub fn simulate_accounts(config: &Config) -> Result<AccountsSummary, Box<Failure>> {
    attempt(config, false).map_err(|failure| {
        let shorter = Config { steps: failure.step, ..config.clone() };
        attempt(&shorter, true).err().unwrap_or(failure)
    })
}

fn attempt(config: &Config, in_words: bool) -> Result<AccountsSummary, Box<Failure>> {
    let mut run = Run::new(config.seed, in_words);
    for step in 1..=config.steps {
        // A panic in what is simulated is a broken promise like any other.
        let stepped = catch_unwind(AssertUnwindSafe(|| {
            run.step()?;
            if step == config.steps { run.come_to_rest() } else { Ok(()) }
        }));
        let what = match stepped {
            Ok(Ok(())) => continue,
            Ok(Err(what)) => what,
            Err(panic) => format!("panicked: {}", panic_text(panic.as_ref())),
        };
        let words = run.diary.words.into_iter().flatten().collect();
        return Err(Box::new(Failure { seed: config.seed, step, what, words }));
    }
    let (history, checks) = (run.diary.hash.finish(), run.auditor.checks());
    Ok(AccountsSummary { history, checks, ..run.summary })
}

struct Run {
    random: Random,
    world: World,
    people: People,
    auditor: Auditor,
    /// Sent, and not yet with the server. Any of them may arrive next.
    on_the_way: Vec<Ask>,
    waiting: BTreeMap<u64, (Asked, oneshot::Receiver<Reply>)>,
    next_id: u64,
    diary: Diary,
    summary: AccountsSummary,
}

impl Run {
    fn new(seed: u64, in_words: bool) -> Self {
        let mut random = Random::new(seed);
        let shards = 1 + random.below(SHARDS_MAX) as usize;
        let world = World::with_partitions(shards, Plans(hall()), START_MS, partitions());
        Self {
            random,
            world,
            people: People::new(),
            auditor: Auditor::default(),
            on_the_way: Vec::new(),
            waiting: BTreeMap::new(),
            next_id: 0,
            diary: Diary::new(in_words),
            summary: AccountsSummary::default(),
        }
    }

    fn step(&mut self) -> Result<(), String> {
        match self.random.below(1_000) {
            0..200 => self.somebody_asks(),
            200..400 => self.a_request_arrives(),
            400..650 => self.a_shard_turns()?,
            650..800 => self.the_journal_flushes()?,
            800..950 => self.time_passes(),
            950..958 => self.the_keeper_compacts(),
            958..966 => self.a_partition_moves(),
            966..974 => self.an_answer_is_lost(),
            974..982 => self.a_trap_is_set(),
            982..985 => self.come_to_rest()?,
            _ => self.the_process_dies()?,
        }
        self.hear()?;
        self.look()
    }

    fn somebody_asks(&mut self) {
        if self.on_the_way.len() < ON_THE_WAY_MAX {
            let ask = self.people.next(&mut self.random);
            self.on_the_way.push(ask);
        }
    }

    /// Any of those on the way: in order or not, once or twice, or not at all.
    fn a_request_arrives(&mut self) {
        if self.on_the_way.is_empty() || self.waiting.len() >= WAITING_MAX {
            return;
        }
        let nth = self.random.below(self.on_the_way.len() as u64) as usize;
        let ask = self.on_the_way.swap_remove(nth);
        if self.random.once_in(20) {
            self.summary.lost += 1;
            return self.diary.note(&("lost on the way", &ask));
        }
        if self.random.once_in(8) {
            self.summary.doubled += 1;
            let again = self.people.again(&ask);
            self.on_the_way.push(again);
        }
        self.next_id += 1;
        self.summary.commands += 1;
        self.diary.note(&("asked", self.next_id, &ask));
        self.auditor.asked(self.next_id, &ask.asked, self.world.now);
        let command = eyes::command(&ask.asked);
        let answer = self.world.ask(machine_id(ask.at), Request::Execute(command));
        self.waiting.insert(self.next_id, (ask.asked, answer));
    }

    fn an_answer_is_lost(&mut self) {
        let nth = self.random.below(self.waiting.len().max(1) as u64) as usize;
        if let Some(id) = self.waiting.keys().nth(nth).copied() {
            self.waiting.remove(&id);
            self.summary.lost += 1;
            self.diary.note(&("nobody waits for", id));
        }
    }

    fn a_shard_turns(&mut self) -> Result<(), String> {
        let stumbles = match self.random.below(600) {
            0 => Some(Stumbles::BeforeRequests),
            1 => Some(Stumbles::AfterRequests),
            _ => None,
        };
        let turn = Turn {
            shard: self.random.below(self.world.cores.len() as u64) as usize,
            peers_max: self.random.below(7) as usize,
            requests_max: self.random.below(7) as usize,
            stumbles,
        };
        self.diary.note(&turn);
        let turned = self.world.turn(&turn, &mut self.random);
        self.hear_of_panics();
        match turned {
            Ok(()) => Ok(()),
            // A panic too many.
            Err(Died) => self.the_process_dies(),
        }
    }

    fn hear_of_panics(&mut self) {
        for sprung in self.world.traps.take_sprung() {
            self.diary.note(&sprung);
        }
        for fell in std::mem::take(&mut self.world.falls) {
            self.diary.note(&fell);
            self.summary.panics += 1;
        }
    }

    fn the_journal_flushes(&mut self) -> Result<(), String> {
        let count = 1 + self.random.below(4) as usize;
        let fault = match self.random.below(300) {
            0 => Some(Fault::FailBefore),
            1 => Some(Fault::FailAfter),
            2 => Some(Fault::Torn { bytes: self.random.below(400) as usize }),
            _ => None,
        };
        let is_kept = self.world.flush(count, fault);
        self.diary.note(&("flushed", is_kept, self.world.flushed()));
        if is_kept { Ok(()) } else { self.the_process_dies() }
    }

    /// The clock goes forward: what happens when it jumps is in the runs of a sale.
    fn time_passes(&mut self) {
        let ms = match self.random.below(100) {
            0 => 60_000,
            1..4 => 10_000,
            _ => self.random.below(400),
        };
        self.world.now += ms;
        self.diary.note(&("time passes", ms));
    }

    fn the_keeper_compacts(&mut self) {
        let steps = if self.random.once_in(3) { self.random.below(4) } else { 4 };
        self.world.compact(steps);
        self.diary.note(&("compacts", steps));
    }

    fn a_partition_moves(&mut self) {
        let all = partitions();
        let partition = *self.random.choose(&all).expect("there are some");
        let to = self.random.below(self.world.cores.len() as u64) as usize;
        self.world.move_partition(partition, to);
        self.diary.note(&("moves", partition.0, to));
    }

    fn a_trap_is_set(&mut self) {
        let shard = self.random.below(self.world.cores.len() as u64) as usize;
        let commands = self.random.below(12);
        let moments = [Moment::Deciding, Moment::Applied, Moment::Answering];
        let moment = *self.random.choose(&moments).expect("there are three");
        self.world.traps.set(shard, commands, moment);
        self.diary.note(&("a trap is set", shard, commands, moment));
    }

    fn the_process_dies(&mut self) -> Result<(), String> {
        self.waiting.clear();
        let shards = 1 + self.random.below(SHARDS_MAX) as usize;
        let down_ms = self.random.below(8_000);
        if self.random.once_in(8) {
            self.world.damage_newest_snapshot();
        }
        self.world.restart(shards, down_ms, &mut self.random);
        self.summary.crashes += 1;
        self.diary.note(&("the process is dead and back", shards, down_ms));
        self.see_keys()?;
        self.auditor.look_for_good(&self.accounts(), self.world.now)
    }

    /// Takes the answers that are there, in the order in which they were decided.
    fn hear(&mut self) -> Result<(), String> {
        // Views come before answers.
        self.see_keys()?;
        let mut heard = Vec::new();
        for (id, (_, answer)) in &mut self.waiting {
            match answer.try_recv() {
                // Repeats follow what made their version; refusals have none, and are heard last.
                Ok(Reply::Done(done)) => {
                    heard.push(((done.version, done.replayed), *id, Reply::Done(done)));
                }
                Ok(reply) => heard.push(((u64::MAX, true), *id, reply)),
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Closed) => return Err(format!("#{id} was dropped unanswered")),
            }
        }
        heard.sort_by_key(|(version, id, _)| (*version, *id));
        for (_, id, reply) in heard {
            let (asked, _) = self.waiting.remove(&id).expect("it was waited for");
            let told = eyes::told(&reply);
            self.diary.note(&("told", id, &told));
            self.auditor.told(id, &told, self.world.now)?;
            self.people.told(&asked, &told);
            self.summary.note(&asked, &told);
        }
        Ok(())
    }

    fn see_keys(&mut self) -> Result<(), String> {
        self.auditor.sees_keys(&eyes::seen_keys(&self.world.around.directory.api_keys()))
    }

    fn look(&mut self) -> Result<(), String> {
        if self.world.is_something_away() {
            return Ok(());
        }
        self.auditor.look(&self.accounts(), self.world.now)
    }

    fn accounts(&self) -> Vec<SeenAccount> {
        let machines = (0..BUCKETS).filter_map(|at| self.world.machine(machine_id(at)));
        eyes::seen_all(machines.filter_map(Machine::as_accounts))
    }

    /// Lets everything that waits happen, and looks once more.
    fn come_to_rest(&mut self) -> Result<(), String> {
        self.world.traps.disarm();
        for _ in 0..10_000 {
            if self.world.is_at_rest() && self.waiting.is_empty() {
                let accounts = self.accounts();
                self.diary.note(&("at rest", &accounts));
                return self.auditor.look_for_good(&accounts, self.world.now);
            }
            self.everything_moves()?;
            self.hear()?;
        }
        Err(format!("{} requests are never answered", self.waiting.len()))
    }

    fn everything_moves(&mut self) -> Result<(), String> {
        self.world.now += 10;
        for shard in 0..self.world.cores.len() {
            let turn = Turn { shard, peers_max: 100, requests_max: 100, stumbles: None };
            let turned = self.world.turn(&turn, &mut self.random);
            self.hear_of_panics();
            if turned.is_err() {
                return self.the_process_dies();
            }
        }
        assert!(self.world.flush(usize::MAX, None), "no fault was injected");
        Ok(())
    }
}

/// Everything that happened as one number; in words only where a run is told again.
struct Diary {
    hash: Xxh3,
    words: Option<VecDeque<String>>,
}

impl Diary {
    fn new(in_words: bool) -> Self {
        Self { hash: Xxh3::new(), words: in_words.then(VecDeque::new) }
    }

    fn note(&mut self, what: &(impl Hash + std::fmt::Debug)) {
        what.hash(&mut self.hash);
        if let Some(words) = &mut self.words {
            if words.len() == WORDS_MAX {
                words.pop_front();
            }
            words.push_back(format!("{what:?}"));
        }
    }
}

/// Where accounts are, and behind them the keys.
fn machine_id(at: usize) -> MachineId {
    [7, 700, 2_900].get(at).map_or(MachineId::API_KEYS, |bucket| MachineId::accounts(*bucket))
}

fn partitions() -> Vec<PartitionId> {
    let mut partitions: Vec<_> = (0..=BUCKETS).map(|at| machine_id(at).partition()).collect();
    partitions.sort_unstable();
    partitions.dedup();
    partitions
}
