//! Reading the logbook, and checking it on the way.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;

use jiff::Timestamp;
use usher_wire::LogbookEntry;

use super::book::{FIRST_HASH, MAGIC, files, first_sequence, hash};

/// What to look for. All that is given must match.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// By whom.
    pub actor: Option<String>,
    /// What occurs in the call, the address, or the request's id.
    pub text: Option<String>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Not after.
    pub to: Option<Timestamp>,
    /// The most entries that are returned: the newest.
    pub count_max: usize,
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// The newest that match, oldest first.
    pub entries: Vec<LogbookEntry>,
    /// Whether more match.
    pub truncated: bool,
    /// The first place where the logbook is not as it was written, in words.
    pub fault: Option<String>,
    /// The last hash.
    pub last_hash: String,
}

/// Reads the whole logbook. Blocks for as long as it takes to read and hash all files.
///
/// # Errors
/// Those of the disk. What is in the files is told in [`Found::fault`].
pub fn search(dir: &Path, wanted: &Wanted) -> io::Result<Found> {
    let mut reading = Reading { wanted, entries: VecDeque::new(), found: Found::default() };
    // The oldest file that is left says itself what came before it.
    let mut reached = None;
    for path in files(dir)? {
        let file = match File::open(&path) {
            // The oldest went while this read.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            opened => opened?,
        };
        reached = Some(reading.read_file(&path, file, reached.as_ref())?);
    }
    let mut found = reading.found;
    found.last_hash = reached.map_or_else(|| FIRST_HASH.to_owned(), |place| place.hash);
    found.entries = reading.entries.into();
    Ok(found)
}

struct Reading<'a> {
    wanted: &'a Wanted,
    entries: VecDeque<LogbookEntry>,
    found: Found,
}

/// Between two entries.
struct Place {
    /// The sequence of the next one.
    next: u64,
    /// The hash of the last one.
    hash: String,
}

impl Reading<'_> {
    /// Reads a file that should go on from a place; returns where the next one should.
    fn read_file(&mut self, path: &Path, file: File, after: Option<&Place>) -> io::Result<Place> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut lines = BufReader::new(file);
        let head = next_line(&mut lines)?.unwrap_or_default();
        let mut place = Place {
            next: first_sequence(path).unwrap_or(1),
            hash: head.strip_prefix(MAGIC).unwrap_or_default().to_owned(),
        };
        let follows =
            |after: &Place| (after.next, after.hash.as_str()) == (place.next, place.hash.as_str());
        if place.hash.is_empty() || !after.is_none_or(follows) {
            self.fault(format!("{name} does not follow what comes before it"));
        }
        while let Some(line) = next_line(&mut lines)? {
            let (hash_said, text) = line.split_once(' ').unwrap_or_default();
            let entry: Option<LogbookEntry> = serde_json::from_str(text).ok();
            let is_next = entry.as_ref().is_some_and(|entry| entry.sequence == place.next);
            if hash(&place.hash, text) != hash_said || !is_next {
                self.fault(format!("entry {} in {name} is not what was written", place.next));
            }
            let sequence = entry.as_ref().map_or(place.next, |entry| entry.sequence);
            place = Place { next: sequence.saturating_add(1), hash: hash_said.to_owned() };
            entry.into_iter().for_each(|entry| self.consider(entry));
        }
        Ok(place)
    }

    fn consider(&mut self, entry: LogbookEntry) {
        let Wanted { actor, text, from, to, count_max } = self.wanted;
        let has_text = |text: &String| {
            let places = [Some(&entry.call), entry.address.as_ref(), entry.request_id.as_ref()];
            places.into_iter().flatten().any(|place| place.contains(text.as_str()))
        };
        let matches = actor.as_ref().is_none_or(|actor| entry.actor == *actor)
            && from.is_none_or(|from| entry.at >= from)
            && to.is_none_or(|to| entry.at <= to)
            && text.as_ref().is_none_or(has_text);
        if !matches {
            return;
        }
        self.entries.push_back(entry);
        if self.entries.len() > *count_max {
            self.entries.pop_front();
            self.found.truncated = true;
        }
    }

    fn fault(&mut self, words: String) {
        self.found.fault.get_or_insert(words);
    }
}

/// The next whole line: one that is being written is not there yet.
fn next_line(lines: &mut BufReader<File>) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    lines.read_until(b'\n', &mut line)?;
    Ok((line.pop() == Some(b'\n')).then(|| String::from_utf8_lossy(&line).into_owned()))
}
