//! Opens an image with the real recovery and holds it against what was promised.

use std::ops::ControlFlow;
use std::path::Path;

use usher_persistence::{Journal, SledJournal, SledOptions, SnapshotReader, Snapshots};

use crate::child::{append, journal_dir, payload, section, snapshots};

/// What somebody was told by the moment of the cut.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Promises {
    /// Everything up to here is in the journal, or in a snapshot.
    pub(crate) acknowledged: u64,
    /// There is a snapshot that covers at least this.
    pub(crate) snapshot: u64,
}

/// Opens, reads everything, goes on, and opens once more.
pub(crate) fn judge(image: &Path, promises: &Promises) -> Result<(), String> {
    let covered = check_snapshots(image, promises)?;
    let last = check_journal(image, promises, covered)?;
    let (mut journal, _) = open(image)?;
    let next = append(&mut journal, 3);
    drop(journal);
    if next != last + 3 {
        return Err(format!("went on at {next} behind {last}"));
    }
    let gone_on = Promises { acknowledged: next, ..*promises };
    match check_journal(image, &gone_on, covered)? {
        last if last == next => Ok(()),
        last => Err(format!("{next} appended after recovery, {last} found")),
    }
}

fn open(image: &Path) -> Result<(SledJournal, u64), String> {
    let (journal, report) = SledJournal::open(SledOptions::new(journal_dir(image)))
        .map_err(|error| format!("refused to open: {error}"))?;
    Ok((journal, report.last_seq))
}

/// The newest whole snapshot is what was written and covers what was promised. Returns its end.
fn check_snapshots(image: &Path, promises: &Promises) -> Result<u64, String> {
    let newest = snapshots(image).newest().map_err(|error| error.to_string())?;
    if let Some(skipped) = newest.skipped.first() {
        return Err(format!("a snapshot counts and is damaged: {skipped:?}"));
    }
    let Some(mut reader) = newest.snapshot else {
        return if promises.snapshot == 0 { Ok(0) } else { Err("the snapshots are gone".into()) };
    };
    let covered = reader.info().covers.seq;
    if covered < promises.snapshot {
        return Err(format!("snapshot {} was promised, {covered} is there", promises.snapshot));
    }
    check_sections(reader.as_mut(), covered).map(|()| covered)
}

fn check_sections(reader: &mut dyn SnapshotReader, covered: u64) -> Result<(), String> {
    let mut sections = 0;
    let mut is_right = true;
    reader
        .for_each(&mut |found| {
            sections += 1;
            is_right &= found.partition_seq == covered && found.payload == section(covered);
            ControlFlow::Continue(())
        })
        .map_err(|error| error.to_string())?;
    if sections == 1 && is_right { Ok(()) } else { Err(format!("snapshot {covered} is another")) }
}

/// Everything promised is there, in order and unchanged, from the snapshot on. Returns the end.
fn check_journal(image: &Path, promises: &Promises, covered: u64) -> Result<u64, String> {
    let (journal, end) = open(image)?;
    if end < promises.acknowledged {
        return Err(format!("{} was acknowledged, {end} is there", promises.acknowledged));
    }
    let reader = journal.reader();
    let first = reader.first_seq();
    if first > covered + 1 {
        return Err(format!("the snapshot ends at {covered}, the journal begins at {first}"));
    }
    let mut next = first;
    let mut broken = None;
    let read = reader.read(first, &mut |record| {
        if record.seq != next || record.payload != payload(next) {
            broken = Some(format!("record {} stands where {next} should", record.seq));
            return ControlFlow::Break(());
        }
        next += 1;
        ControlFlow::Continue(())
    });
    read.map_err(|error| error.to_string())?;
    match broken {
        Some(broken) => Err(broken),
        None if next != end + 1 => Err(format!("read up to {next}, the end is {end}")),
        None => Ok(end),
    }
}
