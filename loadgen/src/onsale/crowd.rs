//! Who comes to a sale: people, impatient people, and bots of three kinds, all from one seed.
//!
//! All that a visitor is follows from the seed and the visitor's number, so the same crowd comes
//! again when a defence is switched on or off.

use std::net::Ipv4Addr;
use std::time::Duration;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use serde::Serialize;

/// People come from addresses of their own, upwards from here.
const HOMES: u32 = u32::from_be_bytes([11, 0, 0, 0]);
/// Each kind of bots has so many addresses, in a network of a data centre.
const BOT_ADDRESSES: u32 = 16;
/// Accounts of a farm that share one browser.
const ACCOUNTS_PER_BROWSER: u64 = 50;
/// The network that farms rent their addresses in.
const FARM_NETWORK: [u8; 4] = [203, 0, 113, 0];

/// A kind of visitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// Does what the page says, with one account and one browser at home.
    Person,
    /// The same, but asks again every half second, and goes away after a while.
    Impatient,
    /// A bot that asks for holds ten times a second from before the opening on, past any queue.
    Hammer,
    /// Many accounts with a few browsers and addresses, that queue and solve no challenge.
    Farm,
    /// As a farm, but each account has a browser of its own and solves what it is asked.
    Solver,
}

impl Kind {
    /// All kinds, people first.
    pub const ALL: [Self; 5] =
        [Self::Person, Self::Impatient, Self::Hammer, Self::Farm, Self::Solver];

    /// The word for it in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Person => "people",
            Self::Impatient => "impatient people",
            Self::Hammer => "bots that hammer",
            Self::Farm => "bots that queue",
            Self::Solver => "bots that solve",
        }
    }

    /// Whether it is a bot.
    #[must_use]
    pub fn is_bot(self) -> bool {
        matches!(self, Self::Hammer | Self::Farm | Self::Solver)
    }
}

/// How many of each kind come, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct CrowdPlan {
    /// The seed of all choices.
    pub seed: u64,
    /// Heads of each kind, in the order of [`Kind::ALL`].
    pub heads: [u32; 5],
    /// The share of people who come before the opening.
    pub early_share: f64,
    /// When the sale opens, after the beginning.
    pub opens_after: Duration,
    /// Tickets that one visitor wants, each number as likely as the other.
    pub group: (u32, u32),
    /// How long an impatient person waits.
    pub patience: Duration,
}

/// One visitor.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// Counted from zero over all kinds.
    pub number: u64,
    /// What kind.
    pub kind: Kind,
    /// Where the visitor's requests come from.
    pub address: Ipv4Addr,
    /// Which browser the visitor uses; several visitors may use one.
    pub browser: u64,
    /// When the visitor comes, after the beginning.
    pub comes_after: Duration,
    /// Tickets that are wanted.
    pub quantity: u32,
    /// From a pass to the hold: finding one's glasses.
    pub thinks: Duration,
    /// How long the visitor stays; `None` is to the end.
    pub patience: Option<Duration>,
}

impl CrowdPlan {
    /// All visitors.
    #[must_use]
    pub fn visitors(&self) -> Vec<Visitor> {
        let kinds = Kind::ALL.into_iter().zip(self.heads);
        let all = kinds.flat_map(|(kind, heads)| (0..heads).map(move |place| (kind, place)));
        (0..).zip(all).map(|(number, (kind, place))| self.visitor(number, kind, place)).collect()
    }

    fn visitor(&self, number: u64, kind: Kind, place: u32) -> Visitor {
        let seed = self.seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let opens = self.opens_after.as_secs_f64();
        let is_early = rng.random::<f64>() < self.early_share;
        let when: f64 = rng.random();
        let comes = match kind {
            Kind::Person | Kind::Impatient if is_early => when * opens,
            // Most of the late ones come right after the opening.
            Kind::Person | Kind::Impatient => opens - (1.0 - when).ln() * 3.0,
            Kind::Hammer => (opens - 2.0).max(0.0),
            Kind::Farm | Kind::Solver => when * opens / 2.0,
        };
        let quantity = rng.random_range(self.group.0..=self.group.1);
        let thinks_ms = if kind.is_bot() { 10 } else { rng.random_range(300..2_000) };
        Visitor {
            number,
            kind,
            address: address(kind, number, place),
            browser: match kind {
                Kind::Farm => u64::MAX - u64::from(place) / ACCOUNTS_PER_BROWSER,
                _ => number,
            },
            comes_after: Duration::from_secs_f64(comes),
            // A bot takes all that it may.
            quantity: if kind.is_bot() { self.group.1 } else { quantity },
            thinks: Duration::from_millis(thinks_ms),
            patience: (kind == Kind::Impatient).then_some(self.patience),
        }
    }
}

fn address(kind: Kind, number: u64, place: u32) -> Ipv4Addr {
    let first = match kind {
        Kind::Person | Kind::Impatient => {
            return Ipv4Addr::from(HOMES + u32::try_from(number).unwrap_or(u32::MAX >> 8));
        }
        Kind::Hammer => 1,
        Kind::Farm => 1 + BOT_ADDRESSES,
        Kind::Solver => 1 + 2 * BOT_ADDRESSES,
    };
    Ipv4Addr::from(u32::from_be_bytes(FARM_NETWORK) + first + place % BOT_ADDRESSES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn plan() -> CrowdPlan {
        CrowdPlan {
            seed: 7,
            heads: [200, 50, 5, 100, 100],
            early_share: 0.7,
            opens_after: Duration::from_secs(10),
            group: (1, 4),
            patience: Duration::from_secs(20),
        }
    }

    #[test]
    fn the_same_seed_is_the_same_crowd() {
        let words = |plan: &CrowdPlan| format!("{:?}", plan.visitors());
        assert_eq!(words(&plan()), words(&plan()));
        assert_ne!(words(&plan()), words(&CrowdPlan { seed: 8, ..plan() }));
        assert_eq!(plan().visitors().len(), 455);
    }

    #[test]
    fn people_live_apart_and_bots_do_not() {
        let visitors = plan().visitors();
        let count = |kind: Kind, of: fn(&Visitor) -> u64| {
            let all = visitors.iter().filter(|visitor| visitor.kind == kind);
            all.map(of).collect::<BTreeSet<u64>>().len()
        };
        let address = |visitor: &Visitor| u64::from(u32::from(visitor.address));
        let browser = |visitor: &Visitor| visitor.browser;
        assert_eq!((count(Kind::Person, address), count(Kind::Person, browser)), (200, 200));
        assert_eq!((count(Kind::Farm, address), count(Kind::Farm, browser)), (16, 2));
        assert_eq!((count(Kind::Solver, address), count(Kind::Solver, browser)), (16, 100));
        let early = visitors.iter().filter(|v| v.kind == Kind::Person);
        let early = early.filter(|v| v.comes_after < plan().opens_after).count();
        assert!((110..170).contains(&early), "{early}");
        assert!(visitors.iter().all(|v| !v.kind.is_bot() || v.quantity == 4));
    }
}
