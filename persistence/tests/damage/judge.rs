//! Opens what was struck with the real recovery and holds it against what was promised.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use usher_persistence::check;
use usher_persistence::{
    Journal, JournalError, SledJournal, SledOptions, SnapshotReader, Snapshots, TailCut,
};

use crate::base::BaseKind;
use crate::case::{Case, FileKind, Strike};
use crate::child::{append, journal_dir, payload, section, snapshots};
use crate::chunks::Chunk;

/// What somebody was told by the time the directory was left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Promises {
    /// Everything up to here is in the journal, or in a snapshot.
    pub(crate) acknowledged: u64,
    /// There is a snapshot that covers at least this.
    pub(crate) snapshot: u64,
}

/// What opening a journal came to.
enum Opened {
    /// It gave back everything up to this sequence, in order and unchanged, and says
    /// what it cut off behind that.
    Records(u64, Option<TailCut>),
    /// It refused.
    Refused(JournalError),
}

/// Judges a case that was written to `data`; says in words how it came out.
///
/// # Errors
/// Says what must not be.
pub(crate) fn judge(case: &Case<'_>, data: &Path) -> Result<String, String> {
    let (covered, is_older) = check_snapshots(case, data)?;
    let (end, tail_cut) = match open(data, covered)? {
        Opened::Refused(error) => return refused(case, data, covered, &error),
        Opened::Records(end, tail_cut) => (end, tail_cut),
    };
    if end < case.base.promises.acknowledged {
        return last_lost(case, end, tail_cut);
    }
    goes_on(case, data, covered, end)?;
    Ok(if is_older { "whole, by the snapshot before".into() } else { "whole".into() })
}

/// Judges a directory that nothing happened to.
pub(crate) fn judge_whole(data: &Path, promises: Promises) -> Result<(), String> {
    let newest = snapshots(data).newest().map_err(|error| error.to_string())?;
    let covered = newest.snapshot.map_or(0, |snapshot| snapshot.info().covers.seq);
    match open(data, covered)? {
        Opened::Records(end, _) if end >= promises.acknowledged => Ok(()),
        Opened::Records(end, _) => Err(format!("{end} of {promises:?}")),
        Opened::Refused(error) => Err(error.to_string()),
    }
}

/// The snapshot to start from is as it was written, and the newest unless that one was struck.
/// Returns its end, and whether a newer one was passed over.
fn check_snapshots(case: &Case<'_>, data: &Path) -> Result<(u64, bool), String> {
    let newest = snapshots(data).newest().map_err(|error| error.to_string())?;
    let struck = data.join(&case.path);
    if let Some(other) = newest.skipped.iter().find(|skipped| skipped.path != struck) {
        return Err(format!("a snapshot was passed over that nothing happened to: {other:?}"));
    }
    let covered = match newest.snapshot {
        Some(mut reader) => check_sections(reader.as_mut())?,
        None => 0,
    };
    if newest.skipped.is_empty() && covered < case.base.promises.snapshot {
        return Err(format!("the newest snapshot ends at {covered}, and nothing is said of it"));
    }
    Ok((covered, !newest.skipped.is_empty()))
}

fn check_sections(reader: &mut dyn SnapshotReader) -> Result<u64, String> {
    let covered = reader.info().covers.seq;
    let mut sections = 0;
    let mut is_right = true;
    reader
        .for_each(&mut |found| {
            sections += 1;
            is_right &= found.partition_seq == covered && found.payload == section(covered);
            ControlFlow::Continue(())
        })
        .map_err(|error| error.to_string())?;
    if sections == 1 && is_right { Ok(covered) } else { Err(format!("snapshot {covered} differs")) }
}

/// Opens the journal and reads all of it.
fn open(data: &Path, covered: u64) -> Result<Opened, String> {
    let (journal, report) = match SledJournal::open(SledOptions::new(journal_dir(data))) {
        Ok(opened) => opened,
        Err(error) => return Ok(Opened::Refused(error)),
    };
    let reader = journal.reader();
    let first = reader.first_seq();
    if first > covered + 1 {
        return Err(format!("the snapshot ends at {covered}, the journal begins at {first}"));
    }
    let mut next = first;
    let mut broken = None;
    let read = reader.read(first, &mut |record| {
        if record.seq != next || record.payload != payload(next) {
            broken = Some(format!("record {} stands where {next} should, or differs", record.seq));
            return ControlFlow::Break(());
        }
        next += 1;
        ControlFlow::Continue(())
    });
    match (read, broken) {
        (_, Some(broken)) => Err(broken),
        // Recovery has just read the same: what it accepted must not be refused now.
        (Err(error), None) => Err(format!("opened, and then: {error}")),
        (Ok(_), None) if next != report.last_seq + 1 => {
            Err(format!("read up to {next}, the end is {}", report.last_seq))
        }
        (Ok(_), None) => Ok(Opened::Records(report.last_seq, report.tail_cut)),
    }
}

/// A refusal names the place, changes nothing that a second start would need, and can be mended.
fn refused(
    case: &Case<'_>,
    data: &Path,
    covered: u64,
    error: &JournalError,
) -> Result<String, String> {
    let names_it = match error {
        JournalError::Damaged { place, .. } => place.file.starts_with(data),
        JournalError::Disk(error) => error.path.starts_with(data),
        JournalError::Store { .. } => true,
        _ => false,
    };
    if !names_it {
        return Err(format!("refused without a place: {error}"));
    }
    match open(data, covered)? {
        Opened::Records(end, _) if end < case.base.promises.acknowledged => {
            return Err(format!("refused at first ({error}), then less: {end}"));
        }
        Opened::Records(..) | Opened::Refused(_) => {}
    }
    let cut = match check::cut(&journal_dir(data), None) {
        Ok(cut) => cut,
        // Both copies of it may be one that the power cut took and one that was struck.
        Err(_) if case.file == FileKind::Manifest => return Ok("refused, for a backup".into()),
        // The second start was good.
        Err(check::CutError::NothingToCut { .. }) => return Ok("refused once".into()),
        Err(error) => return Err(format!("refused, and a cut does not help: {error}")),
    };
    match open(data, covered)? {
        Opened::Records(end, _) if end != cut.last_seq => {
            Err(format!("a cut promised {}, {end} is there", cut.last_seq))
        }
        Opened::Records(end, _) if end < case.base.promises.acknowledged => {
            Ok("refused, a cut gives up the end".into())
        }
        Opened::Records(..) => Ok("refused, mended without loss".into()),
        Opened::Refused(error) => Err(format!("refused after the cut: {error}")),
    }
}

/// Appends behind what was recovered, and finds all of it again.
fn goes_on(case: &Case<'_>, data: &Path, covered: u64, end: u64) -> Result<(), String> {
    // Now and then so much that sled takes new segments, and the ones that it holds for free.
    let batches: &[u64] = if case.seed.is_multiple_of(8) { &[3, 60, 60, 60, 60] } else { &[3] };
    let (mut journal, _) = SledJournal::open(SledOptions::new(journal_dir(data)))
        .map_err(|error| format!("whole at first, then refused: {error}"))?;
    let mut last = end;
    for records in batches {
        let appended = append(&mut journal, *records);
        if appended != last + records {
            return Err(format!("went on at {appended} behind {last}"));
        }
        last = appended;
    }
    drop(journal);
    match open(data, covered)? {
        Opened::Records(found, _) if found == last => Ok(()),
        Opened::Records(found, _) => Err(format!("{last} appended after recovery, {found} found")),
        Opened::Refused(error) => Err(format!("went on, then refused: {error}")),
    }
}

/// Less than was acknowledged is there and the start went on. One case cannot be told from a torn
/// tail: after a power cut that took the note of what was acknowledged, the damage lies in the very
/// last batches themselves, and nothing of a later one is there to say that they were finished.
fn last_lost(case: &Case<'_>, end: u64, tail_cut: Option<TailCut>) -> Result<String, String> {
    let acknowledged = case.base.promises.acknowledged;
    let less = format!("silently less: {acknowledged} was acknowledged, {end} is there");
    let is_excused = case.base.kind == BaseKind::PowerCut && case.file == FileKind::NewestDb;
    if !is_excused || case.strike == Strike::Shortened {
        return Err(less);
    }
    let is_hit =
        |chunk: &Chunk| chunk.range.start < case.range.end && case.range.start < chunk.range.end;
    let mut batches: BTreeMap<u64, BTreeMap<usize, bool>> = BTreeMap::new();
    for chunk in case.chunks_before().iter().filter(|chunk| chunk.first_seq > end) {
        let copies = batches.entry(chunk.first_seq).or_default();
        *copies.entry(chunk.index).or_insert(true) &= is_hit(chunk);
    }
    let lost: Vec<_> = batches.range(..=acknowledged).collect();
    let are_all_hit = lost.iter().all(|(_, chunks)| chunks.values().any(|is_hit| *is_hit));
    let mut behind = batches.range(acknowledged + 1..).flat_map(|(_, chunks)| chunks.values());
    if lost.is_empty() || !are_all_hit || behind.any(|is_hit| !is_hit) {
        return Err(format!("{less}, {batches:?}"));
    }
    let what = if lost.len() == 1 { "last batch lost" } else { "last batches of a page lost" };
    // Where enough is left of it to say that a batch was there, the start has to say so.
    let said = if tail_cut.is_some_and(|cut| cut.first_seq == end + 1) { "reported" } else { "-" };
    Ok(format!("{what}, {said}"))
}
