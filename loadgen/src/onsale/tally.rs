//! What became of each kind of visitors.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use super::crowd::Kind;

/// Refusals that are shown for each kind: the most frequent.
const REFUSALS_SHOWN: usize = 4;

/// What became of the visitors of one kind.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    /// Who came.
    pub heads: u64,
    /// Challenges that they were asked for.
    pub asked: u64,
    /// Challenges that they solved.
    pub solved: u64,
    /// Who got a place in the queue.
    pub joined: u64,
    /// Who got a pass.
    pub admitted: u64,
    /// Who went away without tickets, because of the wait.
    pub gave_up: u64,
    /// Who has tickets.
    pub buyers: u64,
    /// Tickets that they have.
    pub tickets: u64,
    /// Requests that were refused, by code.
    pub refusals: BTreeMap<String, u64>,
    /// From the coming, or the opening where that is later, to the hold, in milliseconds.
    pub waits_ms: Vec<u64>,
}

/// A place in line, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Turn {
    /// Whose.
    pub user_id: String,
    /// The turn within the lane.
    pub turn: u32,
    /// Whether it was called.
    pub was_called: bool,
    /// Whether its owner stayed to the end.
    pub stayed: bool,
}

/// What came of recomputing the draw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DrawCheck {
    /// Whether it is as it was published.
    pub is_right: bool,
    /// The same for people.
    pub words: String,
}

/// All figures of a sale.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SaleReport {
    /// In front of everything, to tell runs apart.
    pub label: String,
    /// By kind.
    pub kinds: BTreeMap<Kind, Tally>,
    /// Tickets that there were.
    pub capacity: u64,
    /// Holds in each second after the opening.
    pub holds_per_second: Vec<u64>,
    /// From the first hold to the last, in milliseconds.
    pub selling_ms: u64,
    /// Who was called before somebody with a better turn who stayed to the end: must be none.
    pub overtaken: u64,
    /// What the check of the draw said, where there was one.
    pub draw: Option<DrawCheck>,
    /// Whether the audit found nothing.
    pub audit_is_clean: bool,
}

impl SaleReport {
    /// What became of a kind.
    pub fn of(&mut self, kind: Kind) -> &mut Tally {
        self.kinds.entry(kind).or_default()
    }

    /// Tickets sold.
    #[must_use]
    pub fn tickets(&self) -> u64 {
        self.kinds.values().map(|tally| tally.tickets).sum()
    }

    /// Whether nothing was found that must not be.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let draw_is_right = self.draw.as_ref().is_none_or(|draw| draw.is_right);
        self.audit_is_clean && self.overtaken == 0 && draw_is_right
    }

    /// The share of the tickets sold that bots got.
    #[must_use]
    pub fn bot_share(&self) -> f64 {
        let bots = self.kinds.iter().filter(|(kind, _)| kind.is_bot());
        let bots: u64 = bots.map(|(_, tally)| tally.tickets).sum();
        bots as f64 / self.tickets().max(1) as f64
    }

    /// The most holds within one second.
    #[must_use]
    pub fn peak(&self) -> u64 {
        self.holds_per_second.iter().copied().max().unwrap_or(0)
    }

    /// Counts a hold that was placed so long after the opening.
    pub fn held_after(&mut self, after: Duration) {
        let second = usize::try_from(after.as_secs()).unwrap_or(usize::MAX).min(86_400);
        if self.holds_per_second.len() <= second {
            self.holds_per_second.resize(second + 1, 0);
        }
        self.holds_per_second[second] += 1;
    }

    /// Counts who was passed over.
    pub fn judge_turns(&mut self, turns: &[Turn]) {
        let last_called = turns.iter().filter(|turn| turn.was_called).map(|turn| turn.turn).max();
        let Some(last_called) = last_called else { return };
        let is_overtaken =
            |turn: &&Turn| turn.stayed && !turn.was_called && turn.turn < last_called;
        self.overtaken = turns.iter().filter(is_overtaken).count() as u64;
    }

    /// For people to read.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!(
            "{}\n  {:<17} {:>6} {:>6} {:>7} {:>7} {:>8} {:>7} {:>8} {:>15} \n",
            self.label,
            "",
            "came",
            "asked",
            "solved",
            "joined",
            "let in",
            "bought",
            "tickets",
            "wait p50/p95"
        );
        for (kind, tally) in &self.kinds {
            let wait = format!("{}/{}", seconds(tally, 0.50), seconds(tally, 0.95));
            let _ = writeln!(
                text,
                "  {:<17} {:>6} {:>6} {:>7} {:>7} {:>8} {:>7} {:>8} {wait:>15} ",
                kind.name(),
                tally.heads,
                tally.asked,
                tally.solved,
                tally.joined,
                tally.admitted,
                tally.buyers,
                tally.tickets,
            );
            let mut refusals: Vec<_> = tally.refusals.iter().collect();
            refusals.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
            let shown = refusals.iter().take(REFUSALS_SHOWN);
            let words: Vec<_> = shown.map(|(code, count)| format!("{code} {count}")).collect();
            if !words.is_empty() {
                let _ = writeln!(text, "  {:<17}   refused: {}", "", words.join(", "));
            }
        }
        let _ = writeln!(
            text,
            "  sold {} of {} in {:.1} s, at most {} holds a second; bots have {:.1} % of it",
            self.tickets(),
            self.capacity,
            self.selling_ms as f64 / 1_000.0,
            self.peak(),
            self.bot_share() * 100.0,
        );
        let draw = self.draw.as_ref().map_or("no draw", |draw| draw.words.trim());
        let audit = if self.audit_is_clean { "clean" } else { "NOT CLEAN" };
        let _ = writeln!(text, "  {} overtaken; {draw}; audit {audit}", self.overtaken);
        text
    }
}

/// A quantile of the waits, in seconds.
fn seconds(tally: &Tally, quantile: f64) -> String {
    let mut waits = tally.waits_ms.clone();
    waits.sort_unstable();
    let place = (waits.len().saturating_sub(1) as f64 * quantile).round() as usize;
    waits.get(place).map_or("-".to_owned(), |ms| format!("{:.1} s", *ms as f64 / 1_000.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(turn: u32, was_called: bool, stayed: bool) -> Turn {
        Turn { user_id: String::new(), turn, was_called, stayed }
    }

    #[test]
    fn who_stayed_and_was_passed_over_is_counted() {
        let overtaken = |turns: &[Turn]| {
            let mut report = SaleReport::default();
            report.judge_turns(turns);
            report.overtaken
        };
        assert_eq!(overtaken(&[]), 0);
        assert_eq!(overtaken(&[turn(1, true, true), turn(2, true, true), turn(3, false, true)]), 0);
        assert_eq!(overtaken(&[turn(1, false, true), turn(2, true, true)]), 1);
        assert_eq!(overtaken(&[turn(1, false, false), turn(2, true, true)]), 0, "it went away");
    }

    #[test]
    fn the_share_of_bots_is_of_what_was_sold() {
        let mut report = SaleReport::default();
        report.of(Kind::Person).tickets = 30;
        report.of(Kind::Solver).tickets = 10;
        report.of(Kind::Person).waits_ms = vec![3_000, 1_000, 2_000];
        report.held_after(Duration::from_millis(1_500));
        report.held_after(Duration::from_millis(1_900));
        assert_eq!((report.bot_share(), report.peak()), (0.25, 2));
        let text = report.text();
        assert!(text.contains("2.0 s/3.0 s") && text.contains("25.0 %"), "{text}");
    }
}
