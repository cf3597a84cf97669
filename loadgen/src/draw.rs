//! `verify-draw`: recomputes the draw of a waiting room from what anybody can read.
//!
//! It shares no code with the server and asks it for nothing but the published facts and the list.
//! The recipe is in `docs/WAITING_ROOM.md`:
//!
//! ```text
//!   seed hash   = SHA-256(seed)
//!   list hash   = SHA-256(entry 16 ‖ lane 1, … in order of joining)
//!   rank        = HMAC-SHA-256(seed ‖ public value, entry), its first 16 bytes
//!   order hash  = SHA-256(entry 16, … by rank, then by entry)
//!   entry       = SHA-256("usher-entry" ‖ show id ‖ 0 ‖ user id), its first 16 bytes
//! ```

use std::fmt;

use anyhow::{Context as _, bail, ensure};
use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use usher_wire::QueueDraw;

use crate::api::get;
use crate::http::{Client, Outcome};
use crate::meter::Step;

/// Who is on a list, and in which lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The hash of show and user.
    pub id: [u8; 16],
    /// The lane, by its index.
    pub lane: u8,
}

/// What a draw came to, recomputed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Entries that were drawn.
    pub entries: usize,
    /// What does not agree; nothing, where the draw is as it should be.
    pub faults: Vec<String>,
    /// The turn of each user who was asked for, within the lane; `None` where the user is not on
    /// the list.
    pub turns: Vec<(String, Option<(u8, usize)>)>,
}

impl Checked {
    /// Whether everything agrees.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.faults.is_empty()
    }
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (user, turn) in &self.turns {
            match turn {
                Some((lane, turn)) => writeln!(f, "{user}: lane {lane}, turn {turn}")?,
                None => writeln!(f, "{user}: not on the list")?,
            }
        }
        for fault in &self.faults {
            writeln!(f, "FAULT: {fault}")?;
        }
        let verdict = if self.is_clean() { "the draw is right" } else { "the draw is wrong" };
        writeln!(f, "{} entries: {verdict}", self.entries)
    }
}

/// Recomputes a draw.
///
/// # Errors
/// Where the order is not drawn yet, or what was published is not hex.
pub fn check(
    show_id: &str,
    draw: &QueueDraw,
    list: &[Entry],
    users: &[String],
) -> anyhow::Result<Checked> {
    let known = |fact: &Option<String>, name: &str| {
        fact.clone().with_context(|| format!("the order is not drawn: there is no {name} yet"))
    };
    let seed = HEXLOWER.decode(known(&draw.seed, "seed")?.as_bytes()).context("the seed")?;
    let public_value = known(&draw.public_value, "public value")?;
    let mut faults = Vec::new();
    let mut agree = |what: &str, computed: &[u8], published: &str| {
        let computed = HEXLOWER.encode(computed);
        if computed != published {
            faults.push(format!("{what}: {published} was published, {computed} comes out"));
        }
    };
    agree("seed hash", &Sha256::digest(&seed), &draw.seed_hash);
    let mut list_hash = Sha256::new();
    for entry in list {
        list_hash.update(entry.id);
        list_hash.update([entry.lane]);
    }
    agree("list hash", &list_hash.finalize(), &known(&draw.list_hash, "list hash")?);
    let order = order(&seed, &public_value, list);
    let mut order_hash = Sha256::new();
    order.iter().for_each(|entry| order_hash.update(entry.id));
    agree("order hash", &order_hash.finalize(), &known(&draw.order_hash, "order hash")?);
    if draw.entries != Some(list.len() as u64) {
        faults.push(format!(
            "{:?} entries were published, {} are listed",
            draw.entries,
            list.len()
        ));
    }
    let turn = |user: &String| {
        let id = entry_id(show_id, user);
        let at = order.iter().position(|entry| entry.id == id);
        let turn = at.map(|at| {
            let lane = order[at].lane;
            (lane, order[..at].iter().filter(|before| before.lane == lane).count())
        });
        (user.clone(), turn)
    };
    let turns = users.iter().map(turn).collect();
    Ok(Checked { entries: list.len(), faults, turns })
}

/// The list by rank, then by entry.
fn order(seed: &[u8], public_value: &str, list: &[Entry]) -> Vec<Entry> {
    let key = [seed, public_value.as_bytes()].concat();
    let keyed = Hmac::<Sha256>::new_from_slice(&key).expect("any length is a key");
    let mut ranked: Vec<([u8; 16], Entry)> = list
        .iter()
        .map(|entry| {
            let mut mac = keyed.clone();
            mac.update(&entry.id);
            let rank = mac.finalize().into_bytes();
            (rank[..16].try_into().expect("32 bytes"), *entry)
        })
        .collect();
    ranked.sort_by_key(|(rank, entry)| (*rank, entry.id));
    ranked.into_iter().map(|(_, entry)| entry).collect()
}

/// Who a user is on a show's list.
#[must_use]
pub fn entry_id(show_id: &str, user_id: &str) -> [u8; 16] {
    let text = [b"usher-entry", show_id.as_bytes(), &[0], user_id.as_bytes()].concat();
    Sha256::digest(&text)[..16].try_into().expect("32 bytes")
}

/// Reads what is published of a draw, and recomputes it.
///
/// # Errors
/// Where it cannot be read, or is not over.
pub async fn verify(client: &Client, show_id: &str, users: &[String]) -> anyhow::Result<Checked> {
    let path = format!("/api/v1/shows/{show_id}/queue/draw");
    let draw: QueueDraw =
        serde_json::from_slice(&read(client, path.clone()).await?).context("read the draw")?;
    ensure!(draw.order_hash.is_some(), "the order is not drawn yet");
    let mut list = Vec::new();
    loop {
        let page = read(client, format!("{path}/entries?from={}", list.len())).await?;
        let page = std::str::from_utf8(&page).context("read the list")?;
        let before = list.len();
        for line in page.lines() {
            list.push(parse(line).with_context(|| format!("line {}: {line}", list.len()))?);
        }
        if list.len() == before {
            return check(show_id, &draw, &list, users);
        }
    }
}

fn parse(line: &str) -> anyhow::Result<Entry> {
    let (id, lane) = line.split_once(' ').context("it is not entry and lane")?;
    let id = HEXLOWER.decode(id.as_bytes()).context("the entry is not hex")?;
    let id = id.try_into().ok().context("the entry has not 16 bytes")?;
    Ok(Entry { id, lane: lane.parse().context("the lane is no number")? })
}

async fn read(client: &Client, path: String) -> anyhow::Result<Vec<u8>> {
    match client.send(Step::View, &get(path.clone())).await {
        Outcome::Answered(reply) if reply.status == 200 => Ok(reply.body.to_vec()),
        Outcome::Answered(reply) => {
            bail!("GET {path}: {} {}", reply.status, String::from_utf8_lossy(&reply.body))
        }
        Outcome::Lost(fault) => bail!("GET {path}: {fault}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list() -> Vec<Entry> {
        let entry = |n: u8| Entry { id: entry_id("s", &format!("user-{n}")), lane: n % 2 };
        (0..50).map(entry).collect()
    }

    fn draw() -> QueueDraw {
        let seed = [9; 32];
        let list = list();
        let bytes: Vec<u8> =
            list.iter().flat_map(|entry| [&entry.id[..], &[entry.lane]].concat()).collect();
        let order: Vec<u8> =
            order(&seed, "value", &list).iter().flat_map(|entry| entry.id).collect();
        QueueDraw {
            seed_hash: HEXLOWER.encode(&Sha256::digest(seed)),
            source: String::new(),
            entries: Some(50),
            list_hash: Some(HEXLOWER.encode(&Sha256::digest(bytes))),
            public_value: Some("value".to_owned()),
            seed: Some(HEXLOWER.encode(&seed)),
            order_hash: Some(HEXLOWER.encode(&Sha256::digest(order))),
        }
    }

    #[test]
    fn a_right_draw_is_clean_and_gives_each_turn_once() {
        let users: Vec<String> = (0..51).map(|n| format!("user-{n}")).collect();
        let checked = check("s", &draw(), &list(), &users).expect("drawn");
        assert!(checked.is_clean(), "{checked}");
        let mut turns: Vec<_> = checked.turns.iter().filter_map(|(_, turn)| *turn).collect();
        turns.sort_unstable();
        let expected: Vec<_> = (0..2).flat_map(|lane| (0..25).map(move |n| (lane, n))).collect();
        assert_eq!(turns, expected);
        assert_eq!(checked.turns[50], ("user-50".to_owned(), None));
    }

    #[test]
    fn whatever_was_changed_afterwards_is_found() {
        type Change = fn(&mut QueueDraw, &mut Vec<Entry>);
        let rows: [(&str, Change); 7] = [
            ("another seed", |draw, _| draw.seed = Some("08".repeat(32))),
            ("another value", |draw, _| draw.public_value = Some("another".to_owned())),
            ("an entry more", |_, list| list.push(Entry { id: [1; 16], lane: 0 })),
            ("an entry less", |_, list| list.truncate(49)),
            ("two entries swapped", |_, list| list.swap(3, 9)),
            ("another lane", |_, list| list[7].lane = 0),
            ("another order", |draw, _| draw.order_hash = Some("00".repeat(32))),
        ];
        for (name, change) in rows {
            let (mut draw, mut list) = (draw(), list());
            change(&mut draw, &mut list);
            assert!(!check("s", &draw, &list, &[]).expect("drawn").is_clean(), "{name}");
        }
        let undrawn = QueueDraw { seed: None, ..draw() };
        assert!(check("s", &undrawn, &list(), &[]).is_err());
    }

    #[test]
    fn a_line_of_the_list_is_entry_and_lane() {
        let line = format!("{} 3", "0a".repeat(16));
        assert_eq!(parse(&line).expect("a line"), Entry { id: [10; 16], lane: 3 });
        for bad in ["", "0a", &line.replace(' ', ""), &line.to_uppercase(), "zz 1", "0a 1"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
