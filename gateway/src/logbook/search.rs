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

/// Reads the whole logbook. Blocks: at 16 MiB a file, for some seconds where it is long.
///
/// # Errors
/// Those of the disk. What is in the files is told in [`Found::fault`].
pub fn search(dir: &Path, wanted: &Wanted) -> io::Result<Found> {
    let mut reading = Reading { wanted, entries: VecDeque::new(), found: Found::default() };
    let mut expected: Option<(u64, String)> = None;
    for path in files(dir)? {
        let first = first_sequence(&path).unwrap_or(0);
        let file = match File::open(&path) {
            // The oldest went while this read.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            opened => opened?,
        };
        // The oldest file that is left says itself what came before it.
        let before = expected.take().unwrap_or_else(|| (first, String::new()));
        expected = Some(reading.read_file(&path, file, first, before)?);
    }
    let mut found = reading.found;
    found.last_hash = expected.map_or_else(|| FIRST_HASH.to_owned(), |(_, hash)| hash);
    found.entries = reading.entries.into();
    Ok(found)
}

struct Reading<'a> {
    wanted: &'a Wanted,
    entries: VecDeque<LogbookEntry>,
    found: Found,
}

impl Reading<'_> {
    /// Reads a file that should go on from `(sequence, hash)`; returns where the next one goes on.
    fn read_file(
        &mut self,
        path: &Path,
        file: File,
        first: u64,
        (mut sequence, before): (u64, String),
    ) -> io::Result<(u64, String)> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut lines = BufReader::new(file);
        let head = next_line(&mut lines)?.unwrap_or_default();
        let mut last_hash = head.strip_prefix(MAGIC).unwrap_or_default().to_owned();
        let follows = before.is_empty() || last_hash == before;
        if last_hash.is_empty() || !follows || first != sequence {
            self.fault(format!("{name} does not follow what comes before it"));
            sequence = first;
        }
        while let Some(line) = next_line(&mut lines)? {
            let (said, text) = line.split_once(' ').unwrap_or_default();
            let entry: Option<LogbookEntry> = serde_json::from_str(text).ok();
            let is_next = entry.as_ref().is_some_and(|entry| entry.sequence == sequence);
            if hash(&last_hash, text) != said || !is_next {
                self.fault(format!("entry {sequence} in {name} is not what was written"));
            }
            last_hash = said.to_owned();
            sequence = entry.as_ref().map_or(sequence, |entry| entry.sequence) + 1;
            entry.into_iter().for_each(|entry| self.consider(entry));
        }
        Ok((sequence, last_hash))
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
