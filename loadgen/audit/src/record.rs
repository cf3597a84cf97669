//! What the client saw acknowledged, in the order in which it saw it.
//!
//! Append-only and one JSON object a line: the files of several generators are merged by putting
//! one after the other, and a generator that was killed leaves at most its last line torn.
//!
//! Times are microseconds since the Unix epoch by the client's clock, except where a field says
//! that the server named the time.

use std::io::{self, BufRead, Write};

use serde::{Deserialize, Serialize};

/// What one ticket is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Place {
    /// A seat, by its id in the plan.
    SeatId(String),
    /// A stock pool, by its name.
    Stock(String),
}

/// How the money was reported to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Via {
    /// The client posted the signed callback itself; the 200 says that the server recorded it.
    Callback,
    /// The sandbox provider took the order to call back; the server may not have heard yet.
    Sandbox,
}

/// One acknowledged answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Entry {
    /// The show as the client found it before its first purchase.
    Show {
        /// When the answer had been read.
        at_us: u64,
        /// The show.
        show_id: String,
        /// Tickets already sold then, where known; sales of earlier runs are not in this record.
        sold_before: Option<u64>,
        /// What the organiser set as the most tickets for one buyer, where known.
        limit_per_user: Option<u32>,
    },
    /// A hold was acknowledged.
    Held {
        /// When the answer had been read: the hold was live no later than this.
        at_us: u64,
        /// The show.
        show_id: String,
        /// The hold.
        hold_id: String,
        /// Who holds.
        user_id: String,
        /// The idempotency key of the request, where it had one.
        key: Option<String>,
        /// The seats, empty for stock.
        seat_ids: Vec<String>,
        /// The pool and how many of it, for stock.
        stock: Option<(String, u32)>,
        /// When it ends if nothing happens, as the server said.
        expires_us: u64,
        /// The price of everything in it.
        total_cents: i64,
    },
    /// The client is about to give a hold back, or its order up; from here on it may be gone.
    Releasing {
        /// Before the request was sent.
        at_us: u64,
        /// The show.
        show_id: String,
        /// The hold.
        hold_id: String,
    },
    /// An order was acknowledged; it takes the hold over.
    Ordered {
        /// When the answer had been read.
        at_us: u64,
        /// The show.
        show_id: String,
        /// The order.
        order_id: String,
        /// The hold it took over.
        hold_id: String,
        /// The idempotency key of the request.
        key: String,
        /// What is to be paid.
        amount_cents: i64,
        /// Until when, as the server said.
        pay_by_us: u64,
    },
    /// Money was taken for an order.
    Paid {
        /// When the answer had been read.
        at_us: u64,
        /// The show.
        show_id: String,
        /// The order.
        order_id: String,
        /// The provider's id of the payment.
        payment_id: String,
        /// How much.
        amount_cents: i64,
        /// Who told the server.
        via: Via,
    },
    /// A ticket was seen, on its order or by its code.
    Ticketed {
        /// When the answer had been read.
        at_us: u64,
        /// The show.
        show_id: String,
        /// The order.
        order_id: String,
        /// The code.
        ticket_code: String,
        /// What it is for.
        place: Place,
        /// The signed payload of its QR, where it was fetched.
        payload: Option<String>,
    },
    /// The server said that an order is over without tickets.
    Ended {
        /// When the answer had been read.
        at_us: u64,
        /// The show.
        show_id: String,
        /// The order.
        order_id: String,
        /// In the server's words.
        status: String,
    },
    /// How often something was refused; one line for each kind, at the end of a run.
    Refusals {
        /// What was asked for.
        step: String,
        /// The HTTP status.
        status: u16,
        /// The code in the problem details.
        code: String,
        /// How often.
        count: u64,
    },
}

impl Entry {
    /// The show that it speaks of; none for refusals, which are counted over all shows.
    #[must_use]
    pub fn show_id(&self) -> Option<&str> {
        match self {
            Self::Show { show_id, .. }
            | Self::Held { show_id, .. }
            | Self::Releasing { show_id, .. }
            | Self::Ordered { show_id, .. }
            | Self::Paid { show_id, .. }
            | Self::Ticketed { show_id, .. }
            | Self::Ended { show_id, .. } => Some(show_id),
            Self::Refusals { .. } => None,
        }
    }
}

/// Why a record could not be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The file could not be read.
    #[error("read record: {0}")]
    Io(#[from] io::Error),
    /// A line before the last one is not an entry.
    #[error("line {line} of the record is not an entry: {source}")]
    Line {
        /// Counted from one.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// Everything that one or several clients saw acknowledged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    entries: Vec<Entry>,
}

impl Record {
    /// Appends one answer.
    pub fn push(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// Appends what another client saw. Order between the two does not matter to the checks.
    pub fn merge(&mut self, other: Self) {
        self.entries.extend(other.entries);
    }

    /// All answers, oldest first for each client.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The shows that the record speaks of, each once, in order of appearance.
    #[must_use]
    pub fn shows(&self) -> Vec<&str> {
        let mut seen = std::collections::BTreeSet::new();
        let shows = self.entries.iter().filter_map(Entry::show_id);
        shows.filter(|show| seen.insert(*show)).collect()
    }

    /// Writes one JSON object a line.
    ///
    /// # Errors
    ///
    /// When the writer fails.
    pub fn write_to(&self, mut out: impl Write) -> io::Result<()> {
        for entry in &self.entries {
            serde_json::to_writer(&mut out, entry)?;
            out.write_all(b"\n")?;
        }
        out.flush()
    }

    /// Reads lines as [`Record::write_to`] writes them; also several files one after the other.
    ///
    /// A last line without its newline is dropped when it does not parse: the generator was killed
    /// while it wrote, and what it had not written it had not relied on either.
    ///
    /// # Errors
    ///
    /// When the reader fails, or a complete line is not an entry.
    pub fn read_from(mut input: impl BufRead) -> Result<Self, RecordError> {
        let mut record = Self::default();
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            if input.read_until(b'\n', &mut line)? == 0 {
                break;
            }
            if line.trim_ascii().is_empty() {
                continue;
            }
            match serde_json::from_slice(&line) {
                Ok(entry) => record.push(entry),
                Err(_) if line.last() != Some(&b'\n') => break,
                Err(source) => {
                    return Err(RecordError::Line { line: number, source });
                }
            }
        }
        Ok(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(code: &str) -> Entry {
        Entry::Ticketed {
            at_us: 7,
            show_id: "s".into(),
            order_id: "o".into(),
            ticket_code: code.into(),
            place: Place::SeatId("A-1".into()),
            payload: None,
        }
    }

    #[test]
    fn lines_survive_a_round_trip_and_files_merge_by_concatenation() {
        let (mut first, mut second) = (Record::default(), Record::default());
        first.push(entry("t1"));
        second.push(entry("t2"));
        let mut file = Vec::new();
        first.write_to(&mut file).expect("write");
        second.write_to(&mut file).expect("write");
        first.merge(second);
        assert_eq!(Record::read_from(file.as_slice()).expect("read"), first);
        assert_eq!(first.shows(), ["s"]);
    }

    #[test]
    fn a_torn_last_line_is_dropped_and_a_torn_middle_is_named() {
        let mut whole = Record::default();
        whole.push(entry("t1"));
        let mut file = Vec::new();
        whole.write_to(&mut file).expect("write");
        let line_bytes = file.len();
        whole.write_to(&mut file).expect("write");

        let torn_end = &file[..file.len() - 5];
        assert_eq!(Record::read_from(torn_end).expect("read"), whole);

        file.remove(line_bytes - 2);
        let error = Record::read_from(file.as_slice()).expect_err("torn in the middle");
        assert!(error.to_string().starts_with("line 1 "), "{error}");
    }
}
