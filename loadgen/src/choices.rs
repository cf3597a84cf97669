//! What a buyer wants, decided before the buyer asks for anything.
//!
//! All choices of buyer `n` follow from the seed and `n` alone, never from how fast the server
//! answered or who came first: the same seed is the same crowd, on any machine. Only what a buyer
//! does *because* of an answer (another seat when this one is gone) depends on the run, and even
//! then the dice are the buyer's own.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

/// What the crowd is like.
#[derive(Debug, Clone, PartialEq)]
pub struct Crowd {
    /// The seed of all choices.
    pub seed: u64,
    /// Group sizes, each as likely as the other.
    pub group: (u32, u32),
    /// The share that holds and does not buy.
    pub abandon_share: f64,
    /// The share that tries to get more than the limit.
    pub probe_share: f64,
    /// The shares of the three kinds of journeys; they need not sum up to one.
    pub mix: Mix,
}

/// How often each kind of journey is made in the mixed workload.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mix {
    /// Journeys that only look.
    pub browse: f64,
    /// Journeys that buy seats.
    pub rush: f64,
    /// Journeys that buy tickets without seats.
    pub stock: f64,
}

/// How a journey ends that does not end with tickets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaving {
    /// Walks away with a hold, which expires.
    AfterHold,
    /// Gives the hold back.
    Releasing,
    /// Walks away with an order, which expires unpaid.
    AfterOrder,
    /// Cancels the order.
    Cancelling,
}

/// What a buyer came for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Errand {
    /// To look.
    Browse,
    /// To buy seats.
    Rush,
    /// To buy tickets without seats.
    Stock,
}

/// One buyer.
#[derive(Debug, Clone)]
pub struct Buyer {
    /// Counted from zero over the run.
    pub number: u64,
    /// What the buyer came for, in the mixed workload.
    pub errand: Errand,
    /// How many seats or tickets the buyer wants.
    pub quantity: u32,
    /// Whether and how the buyer leaves without tickets.
    pub leaving: Option<Leaving>,
    /// Whether the buyer tries to get more than the limit.
    pub probes: bool,
    /// How often a browsing buyer looks again.
    pub looks: u32,
    rng: Xoshiro256PlusPlus,
}

impl Crowd {
    /// Buyer `number`: the same one whenever asked.
    #[must_use]
    pub fn buyer(&self, number: u64) -> Buyer {
        // An odd multiplier keeps the seeds of neighbours apart; the generator mixes the rest.
        let seed = self.seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        // The order of these draws is part of what a seed means.
        let errand = self.mix.pick(rng.random());
        let quantity = rng.random_range(self.group.0..=self.group.1);
        let leaves = rng.random::<f64>() < self.abandon_share;
        let leaving = match rng.random::<f64>() {
            share if share < 0.60 => Leaving::AfterHold,
            share if share < 0.75 => Leaving::Releasing,
            share if share < 0.90 => Leaving::AfterOrder,
            _ => Leaving::Cancelling,
        };
        let probes = rng.random::<f64>() < self.probe_share;
        let looks = rng.random_range(1..=5);
        Buyer { number, errand, quantity, leaving: leaves.then_some(leaving), probes, looks, rng }
    }
}

impl Mix {
    fn pick(&self, dart: f64) -> Errand {
        let dart = dart * (self.browse + self.rush + self.stock);
        if dart < self.browse {
            Errand::Browse
        } else if dart < self.browse + self.rush {
            Errand::Rush
        } else {
            Errand::Stock
        }
    }

    /// Reads `browse=7,rush=2,stock=1`; what is not named is zero.
    ///
    /// # Errors
    ///
    /// What is wrong with the text, in a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut mix = Self { browse: 0.0, rush: 0.0, stock: 0.0 };
        for part in text.split(',') {
            let (name, weight) =
                part.split_once('=').ok_or_else(|| format!("`{part}` is not NAME=WEIGHT"))?;
            let weight = crate::units::parse_number(weight)?;
            match name.trim() {
                "browse" => mix.browse = weight,
                "rush" => mix.rush = weight,
                "stock" => mix.stock = weight,
                other => return Err(format!("`{other}` is none of browse, rush, stock")),
            }
        }
        if mix.browse + mix.rush + mix.stock > 0.0 {
            Ok(mix)
        } else {
            Err("all weights are zero".into())
        }
    }
}

impl Buyer {
    /// A number in `0..1`, the buyer's next one.
    pub fn dart(&mut self) -> f64 {
        self.rng.random()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crowd(seed: u64) -> Crowd {
        Crowd {
            seed,
            group: (1, 6),
            abandon_share: 0.2,
            probe_share: 0.1,
            mix: Mix { browse: 7.0, rush: 2.0, stock: 1.0 },
        }
    }

    fn digest(seed: u64) -> Vec<(Errand, u32, Option<Leaving>, bool, u32, u64)> {
        let look = |number| {
            let mut buyer = crowd(seed).buyer(number);
            let dart = buyer.dart().to_bits();
            (buyer.errand, buyer.quantity, buyer.leaving, buyer.probes, buyer.looks, dart)
        };
        (0..1_000).map(look).collect()
    }

    #[test]
    fn the_same_seed_is_the_same_crowd_and_another_is_not() {
        assert_eq!(digest(7), digest(7));
        assert_ne!(digest(7), digest(8));
    }

    #[test]
    fn choices_are_pinned_so_that_old_seeds_keep_their_meaning() {
        let mut buyer = crowd(1).buyer(0);
        let first = (buyer.errand, buyer.quantity, buyer.leaving, buyer.looks);
        assert_eq!(first, (Errand::Rush, 5, Some(Leaving::Releasing), 3));
        assert_eq!((buyer.dart() * 1e6) as u64, 986_874);
    }

    #[test]
    fn shares_are_kept() {
        let buyers: Vec<_> = (0..10_000).map(|number| crowd(3).buyer(number)).collect();
        let share = |count: usize| count as f64 / 10_000.0;
        let near = |got: f64, want: f64| assert!((got - want).abs() < 0.02, "{got} not {want}");
        near(share(buyers.iter().filter(|b| b.leaving.is_some()).count()), 0.2);
        near(share(buyers.iter().filter(|b| b.probes).count()), 0.1);
        near(share(buyers.iter().filter(|b| b.errand == Errand::Browse).count()), 0.7);
        for size in 1..=6 {
            near(share(buyers.iter().filter(|b| b.quantity == size).count()), 1.0 / 6.0);
        }
    }

    #[test]
    fn mixes_are_read_and_faults_named() {
        let mix = Mix::parse("rush=2, browse=8").expect("a mix");
        assert_eq!(mix, Mix { browse: 8.0, rush: 2.0, stock: 0.0 });
        for text in ["", "rush", "rush=x", "dance=1", "rush=0"] {
            assert!(Mix::parse(text).is_err(), "{text}");
        }
    }
}
