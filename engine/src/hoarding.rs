//! What an organiser may ask against people who take seats and do not buy them. A show without
//! rules pays nothing for them: [`crate::show::Terms`] carries them behind a pointer.

use crate::limits::{HOLD_MS_MAX, HOLDS_PER_BUYER_MAX};
use crate::time::Timestamp;

/// How long a buyer's lapses are remembered after the last of them, in milliseconds: longer than
/// any pause.
pub const LAPSE_MEMORY_MS: u64 = 24 * 60 * 60 * 1_000;

/// Buyers of one inventory whose lapses are remembered; of more, those who lapsed the longest ago
/// are forgotten.
pub const LAPSED_BUYERS_MAX: usize = 1 << 16;

/// Rules against hoarding, each for itself. Without any of them there is no such value in a show's
/// terms.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hoarding {
    /// Active holds and unpaid orders of one buyer at once in one inventory, 1 to
    /// [`HOLDS_PER_BUYER_MAX`].
    pub holds_max: Option<u32>,
    /// A pause for who lets holds run out again and again.
    pub lapses: Option<LapseRule>,
    /// A bound on what new accounts may hold together.
    pub new_accounts: Option<NewAccountRule>,
}

/// Who lets `free` holds or unpaid orders run out must wait before the next hold: `pause_ms`, and
/// after each further one twice as long, up to `pause_ms_max`. Buying anything makes good for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LapseRule {
    /// Lapses after which there is a pause, at least 1.
    pub free: u32,
    /// The first pause, in milliseconds, at least 1.
    pub pause_ms: u64,
    /// The longest pause, in milliseconds, at most [`HOLD_MS_MAX`].
    pub pause_ms_max: u64,
}

/// Holds and unpaid orders of new accounts may together have at most `share_percent` of an
/// inventory, rounded down, but at least one unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAccountRule {
    /// An account is new until it is so old, in milliseconds, at least 1.
    pub younger_than_ms: u64,
    /// Of all units of the inventory, 1 to 100.
    pub share_percent: u8,
    /// Whether buyers of whom no account is known count as new.
    pub strangers: bool,
}

impl Hoarding {
    /// Whether there is no rule.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the rules are within their bounds.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self) -> Result<(), &'static str> {
        if self.holds_max.is_some_and(|max| max == 0 || max > HOLDS_PER_BUYER_MAX) {
            return Err("a buyer may have 1 to 16 holds at once");
        }
        let is_good = |rule: &LapseRule| {
            let LapseRule { free, pause_ms, pause_ms_max } = *rule;
            free > 0 && (1..=pause_ms_max).contains(&pause_ms) && pause_ms_max <= HOLD_MS_MAX
        };
        if !self.lapses.as_ref().is_none_or(is_good) {
            return Err("a pause follows a lapse, and takes at most 24 hours");
        }
        let is_good = |rule: &NewAccountRule| {
            rule.younger_than_ms > 0 && (1..=100).contains(&rule.share_percent)
        };
        match self.new_accounts.as_ref().is_none_or(is_good) {
            true => Ok(()),
            false => Err("new accounts are of an age, and have 1 to 100 percent"),
        }
    }
}

impl LapseRule {
    /// How long to wait after so many lapses, in milliseconds.
    #[must_use]
    pub fn pause_ms(&self, lapses: u32) -> u64 {
        match lapses.checked_sub(self.free) {
            None => 0,
            Some(more) => {
                let doubled = 1_u64.checked_shl(more).and_then(|by| self.pause_ms.checked_mul(by));
                doubled.unwrap_or(u64::MAX).min(self.pause_ms_max)
            }
        }
    }
}

impl NewAccountRule {
    /// Whether a buyer counts as new, whose account was made then; `None` where none is known.
    #[must_use]
    pub fn is_new(&self, account_made_at: Option<Timestamp>, now: Timestamp) -> bool {
        account_made_at.map_or(self.strangers, |at| now < at.plus_ms(self.younger_than_ms))
    }

    /// How many units new accounts may hold of so many.
    #[must_use]
    pub fn units_max(&self, capacity: u32) -> u32 {
        let share = u64::from(capacity) * u64::from(self.share_percent) / 100;
        u32::try_from(share).unwrap_or(u32::MAX).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_doubles_up_to_its_maximum() {
        let rule = LapseRule { free: 2, pause_ms: 30_000, pause_ms_max: 100_000 };
        let pauses: Vec<u64> = (0..6).map(|lapses| rule.pause_ms(lapses)).collect();
        assert_eq!(pauses, [0, 0, 30_000, 60_000, 100_000, 100_000]);
        assert_eq!(rule.pause_ms(u32::MAX), 100_000, "no shift is too far");
    }

    #[test]
    fn an_account_is_new_until_it_is_old_enough() {
        let rule = NewAccountRule { younger_than_ms: 10, share_percent: 20, strangers: true };
        assert!(rule.is_new(Some(Timestamp(5)), Timestamp(14)));
        assert!(!rule.is_new(Some(Timestamp(5)), Timestamp(15)));
        assert!(rule.is_new(None, Timestamp(0)));
        assert_eq!((rule.units_max(24), rule.units_max(3), rule.units_max(0)), (4, 1, 1));
        assert_eq!(rule.units_max(u32::MAX), u32::MAX / 5);
    }

    #[test]
    fn rules_have_bounds() {
        let lapses = |free, pause_ms, pause_ms_max| Hoarding {
            lapses: Some(LapseRule { free, pause_ms, pause_ms_max }),
            ..Hoarding::default()
        };
        let new = |younger_than_ms, share_percent| Hoarding {
            new_accounts: Some(NewAccountRule { younger_than_ms, share_percent, strangers: false }),
            ..Hoarding::default()
        };
        let holds = |max| Hoarding { holds_max: Some(max), ..Hoarding::default() };
        for good in
            [holds(1), holds(16), lapses(1, 1, 1), lapses(9, 2, 86_400_000), new(1, 1), new(9, 100)]
        {
            assert_eq!(good.check(), Ok(()), "{good:?}");
            assert!(!good.is_empty());
        }
        for bad in [
            holds(0),
            holds(17),
            lapses(0, 1, 1),
            lapses(1, 0, 1),
            lapses(1, 2, 1),
            lapses(1, 1, 86_400_001),
            new(0, 1),
            new(1, 0),
            new(1, 101),
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
        assert!(Hoarding::default().is_empty());
    }
}
