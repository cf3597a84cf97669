//! The checks themselves, each in the file of what it looks at.
//!
//! All read the same two things: [`Known`], the record put in order, and the server's side. None
//! stops at the first fault; an operator wants to see them all.

mod counts;
mod known;
mod limits;
mod presence;
mod seats;
mod tickets;

#[cfg(test)]
mod tests;

use known::Known;

use crate::{KeySet, Record, ServerSide, Verdict};

/// What the checks have to know about the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// How far the server's clock may be from the client's. Ends that the server named count as
    /// this much earlier.
    pub clock_tolerance_us: u64,
    /// How long the server must remember a hold that ended without an order.
    pub ended_hold_memory_us: u64,
}

impl Default for Rules {
    fn default() -> Self {
        Self { clock_tolerance_us: 200_000, ended_hold_memory_us: 900_000_000 }
    }
}

/// Compares what was acknowledged about one show with what the server says now.
#[must_use]
pub fn check(record: &Record, server: &ServerSide, rules: &Rules) -> Verdict {
    let mut verdict = Verdict { show_id: server.show_id.clone(), ..Verdict::default() };
    let known = Known::new(record, server, rules);
    seats::sold_twice(&known, &mut verdict);
    seats::held_twice(&known, &mut verdict);
    seats::map(&known, server, &mut verdict);
    limits::per_buyer(&known, &mut verdict);
    limits::pools(&known, server, &mut verdict);
    presence::keys_used_twice(&known, &mut verdict);
    presence::holds(&known, server, rules, &mut verdict);
    presence::orders(&known, server, &mut verdict);
    presence::payments(&known, server, &mut verdict);
    tickets::present(&known, server, &mut verdict);
    tickets::complete(&known, server, &mut verdict);
    tickets::signed(&known, server, &KeySet::new(&server.keys), &mut verdict);
    counts::ops_audit(server, &mut verdict);
    counts::sold(&known, server, &mut verdict);
    verdict
}
