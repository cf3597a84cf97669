//! One limit: so much a second for each key of a kind.

use std::hash::Hash;
use std::num::NonZeroU32;

use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::{Quota, RateLimiter};

use super::table::Table;

type Buckets<K> = RateLimiter<K, Table<K>, DefaultClock, StateInformationMiddleware>;

/// A token bucket for each key, that fills within a second.
pub(super) struct Layer<K: Hash + Eq + Clone> {
    name: &'static str,
    per_second: NonZeroU32,
    buckets: Buckets<K>,
    clock: DefaultClock,
}

/// What a layer says of a request, for the headers of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) layer: &'static str,
    pub(super) per_second: NonZeroU32,
    /// So many more may come at once.
    pub(super) left: u32,
    /// After so many seconds there is at least one more than now.
    pub(super) reset_seconds: u32,
    pub(super) is_refused: bool,
}

impl<K: Hash + Eq + Clone> Layer<K> {
    /// `per_second` for each key, in bursts of as many. At least `keys_max` keys are remembered.
    pub(super) fn new(name: &'static str, per_second: NonZeroU32, keys_max: usize) -> Self {
        let clock = DefaultClock::default();
        let quota = Quota::per_second(per_second);
        let buckets = RateLimiter::new(quota, Table::new(keys_max), clock.clone());
        Self { name, per_second, buckets, clock }
    }

    /// Takes one from the bucket of a key.
    pub(super) fn take(&self, key: &K) -> Word {
        let (layer, per_second) = (self.name, self.per_second);
        match self.buckets.check_key(key) {
            Ok(state) => Word {
                layer,
                per_second,
                left: state.remaining_burst_capacity(),
                reset_seconds: 1,
                is_refused: false,
            },
            Err(later) => {
                let wait = later.wait_time_from(self.clock.now());
                let reset_seconds = u32::try_from(wait.as_secs() + 1).unwrap_or(u32::MAX);
                Word { layer, per_second, left: 0, reset_seconds, is_refused: true }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(per_second: u32, keys_max: usize) -> Layer<u64> {
        Layer::new("test", NonZeroU32::new(per_second).expect("not 0"), keys_max)
    }

    #[test]
    fn each_key_has_a_bucket_of_its_own() {
        let layer = layer(3, 64);
        let left = |key: u64| (layer.take(&key).left, layer.take(&key).left, layer.take(&key).left);
        assert_eq!(left(1), (2, 1, 0));
        let refused = layer.take(&1);
        assert!(refused.is_refused && refused.reset_seconds == 1, "{refused:?}");
        assert_eq!(left(2), (2, 1, 0));
    }

    #[test]
    fn a_flood_of_keys_takes_no_more_room_and_frees_nobody() {
        const PLACES: usize = 4_096;
        let buckets = Table::new(PLACES);
        let clock = governor::clock::FakeRelativeClock::default();
        let per_second = NonZeroU32::new(5).expect("not 0");
        let limiter: RateLimiter<u64, Table<u64>, _, StateInformationMiddleware> =
            RateLimiter::new(Quota::per_second(per_second), buckets, clock);
        let greedy = u64::MAX;
        while limiter.check_key(&greedy).is_ok() {}
        for stranger in 0..1_000_000_u64 {
            assert!(limiter.check_key(&stranger).is_ok());
        }
        assert!(limiter.check_key(&greedy).is_err(), "who is held up stays so");
        assert!(limiter.into_state_store().len() <= PLACES);
    }
}
