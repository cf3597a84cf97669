//! What was told of a whole house: each map, and each answer of its owner, names a version.
//!
//! The search looks at one lot at a time; this looks at what lots have in common. Versions count
//! the changes of a house, so:
//!
//! - what is told never has a version before one that was told earlier, by whomever, also over a
//!   crash: what a crash takes back had been told to nobody;
//! - so a map that was asked for after an acceptance shows it, and may be older than the latest
//!   change only by what had not been answered yet;
//! - one version is one map, whichever way it is asked for: whole, compact, as changes, or as the
//!   news that nothing changed.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::lot::SeatStatus;

/// One answer that names a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Who asked.
    pub client: u32,
    /// For what, in words.
    pub what: &'static str,
    /// When, in nanoseconds.
    pub invoked_ns: u64,
    /// When it was answered.
    pub returned_ns: u64,
    /// The version that it named.
    pub version: u64,
    /// All seats at that version, where it was a map.
    pub map: Option<Vec<SeatStatus>>,
}

/// Two answers that cannot both be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broken<'a> {
    /// The second was asked for after the first had been answered, and names an earlier version.
    WentBack(&'a Told, &'a Told),
    /// Both name one version, and show this seat differently.
    TwoMaps(&'a Told, &'a Told, usize),
}

/// Checks everything that was told of one house. Gives the first thing that is wrong.
///
/// # Errors
///
/// The two answers that cannot both be right.
pub fn check_versions(told: &[Told]) -> Result<(), Broken<'_>> {
    let mut by_return: Vec<_> = told.iter().collect();
    by_return.sort_by_key(|told| told.returned_ns);
    let mut by_call: Vec<_> = told.iter().collect();
    by_call.sort_by_key(|told| told.invoked_ns);
    let mut returned = by_return.into_iter().peekable();
    let mut newest: Option<&Told> = None;
    let mut maps: HashMap<u64, (&Told, &[SeatStatus])> = HashMap::new();
    for told in by_call {
        while let Some(earlier) = returned.next_if(|r| r.returned_ns < told.invoked_ns) {
            if newest.is_none_or(|newest| newest.version < earlier.version) {
                newest = Some(earlier);
            }
        }
        if let Some(newest) = newest.filter(|newest| newest.version > told.version) {
            return Err(Broken::WentBack(newest, told));
        }
        let Some(map) = &told.map else { continue };
        match maps.entry(told.version) {
            Entry::Vacant(entry) => drop(entry.insert((told, map))),
            Entry::Occupied(entry) => {
                let (first, seen) = *entry.get();
                let same = |(a, b): (&SeatStatus, &SeatStatus)| a == b;
                if let Some(seat) = seen.iter().zip(map).position(|pair| !same(pair)) {
                    return Err(Broken::TwoMaps(first, told, seat));
                }
            }
        }
    }
    Ok(())
}
