//! What a run was like, and how it failed.

use std::fmt;

/// What a run that held all promises was like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Steps taken.
    pub steps: u64,
    /// Requests sent.
    pub commands: u64,
    /// Answers heard.
    pub answers: u64,
    /// Refusals among them.
    pub refusals: u64,
    /// Times that the process died.
    pub crashes: u64,
    /// Flushes that failed or tore, among those.
    pub failed_flushes: u64,
    /// Compactions begun.
    pub compactions: u64,
    /// Partitions that were told to move.
    pub moves: u64,
    /// Shards that panicked and came back.
    pub panics: u64,
    /// Those of them that had something submitted and not yet durable.
    pub panics_before_flush: u64,
    /// Times that a shard came back while tickets were on their way between segments.
    pub panics_amid_loans: u64,
    /// Answers that said so: quarantined.
    pub quarantined: u64,
    /// Messages between shards that were lost, doubled, or overtaken.
    pub disturbed: u64,
    /// Times that the clock began to go faster or slower.
    pub slews: u64,
    /// Refunds that were ordered, repeats included.
    pub refunds: u64,
    /// Changes by organisers and operators that were done.
    pub changes: u64,
    /// Orders that got their tickets.
    pub ticketed: u64,
    /// Checks of the auditor.
    pub checks: u64,
    /// Time that passed in the simulation, in milliseconds.
    pub virtual_ms: u64,
    /// Hash of everything that happened.
    pub history: u64,
}

impl Summary {
    /// What is counted, by name, but for the history.
    #[must_use]
    pub fn counts(&self) -> [(&'static str, u64); 19] {
        [
            ("steps", self.steps),
            ("commands", self.commands),
            ("answers", self.answers),
            ("refusals", self.refusals),
            ("crashes", self.crashes),
            ("failed flushes", self.failed_flushes),
            ("compactions", self.compactions),
            ("moves", self.moves),
            ("panics", self.panics),
            ("panics before a flush", self.panics_before_flush),
            ("panics amid loans", self.panics_amid_loans),
            ("quarantined", self.quarantined),
            ("messages disturbed", self.disturbed),
            ("clock slews", self.slews),
            ("refunds", self.refunds),
            ("changes", self.changes),
            ("orders ticketed", self.ticketed),
            ("checks", self.checks),
            ("seconds of virtual time", self.virtual_ms / 1_000),
        ]
    }

    /// Adds another run to this one. The histories are mixed, so that the sum still tells whether
    /// anything differed.
    pub fn add(&mut self, other: &Self) {
        self.steps += other.steps;
        self.commands += other.commands;
        self.answers += other.answers;
        self.refusals += other.refusals;
        self.crashes += other.crashes;
        self.failed_flushes += other.failed_flushes;
        self.compactions += other.compactions;
        self.moves += other.moves;
        self.panics += other.panics;
        self.panics_before_flush += other.panics_before_flush;
        self.panics_amid_loans += other.panics_amid_loans;
        self.quarantined += other.quarantined;
        self.disturbed += other.disturbed;
        self.slews += other.slews;
        self.refunds += other.refunds;
        self.changes += other.changes;
        self.ticketed += other.ticketed;
        self.checks += other.checks;
        self.virtual_ms += other.virtual_ms;
        self.history = self.history.rotate_left(1) ^ other.history;
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, count) in self.counts() {
            write!(f, "{count} {what}, ")?;
        }
        write!(f, "history {:016x}", self.history)
    }
}

/// A promise was broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("seed {seed}, step {step}: {what}")]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// The first step after which it shows: so many steps are the shortest run that fails.
    pub step: u64,
    /// What is wrong.
    pub what: String,
    /// The last steps in words, oldest first.
    pub words: Vec<String>,
}
