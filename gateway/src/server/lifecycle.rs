//! Where in its life the process is, and how many requests it is working on.
//!
//! Stopping goes: not ready (a load balancer notices) → draining (new requests get 503) → stopped
//! once no request is in flight. A stage never goes back.

use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;

/// How often [`Lifecycle::idle`] looks.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A stage of a process's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Stage {
    /// Takes requests.
    Ready = 0,
    /// Takes requests, but wants no more.
    Leaving = 1,
    /// Takes no requests.
    Draining = 2,
}

/// Counters of requests in flight. Threads have one of these each, as far as they go.
const COUNTERS: usize = 16;

/// The present stage, and requests in flight.
#[derive(Debug, Default)]
pub struct Lifecycle {
    stage: AtomicU8,
    in_flight: [Counter; COUNTERS],
}

/// In a line of its own of the processor's cache, which need not go to another processor with each
/// request.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Counter(AtomicUsize);

/// Keeps a request counted as in flight.
#[derive(Debug)]
pub struct InFlight<'a>(&'a Counter);

static NEXT_COUNTER: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Which counter this thread counts at.
    static COUNTER: usize = NEXT_COUNTER.fetch_add(1, Ordering::Relaxed) % COUNTERS;
}

impl Lifecycle {
    /// The present stage.
    pub fn stage(&self) -> Stage {
        match self.stage.load(Ordering::SeqCst) {
            0 => Stage::Ready,
            1 => Stage::Leaving,
            _ => Stage::Draining,
        }
    }

    /// Goes on to a later stage.
    pub fn advance(&self, stage: Stage) {
        self.stage.fetch_max(stage as u8, Ordering::SeqCst);
    }

    /// Counts a request in, unless none are taken any more.
    pub fn begin(&self) -> Option<InFlight<'_>> {
        // Counted before looking, so that a request is either seen by `idle` or refused.
        let counter = &self.in_flight[COUNTER.with(|place| *place)];
        counter.0.fetch_add(1, Ordering::SeqCst);
        let begun = InFlight(counter);
        (self.stage() < Stage::Draining).then_some(begun)
    }

    /// Requests in flight.
    pub fn in_flight(&self) -> usize {
        self.in_flight.iter().map(|counter| counter.0.load(Ordering::SeqCst)).sum()
    }

    /// Waits until no request is in flight, at most so long. Says whether none is.
    pub async fn idle(&self, at_most: Duration) -> bool {
        let wait = async {
            while self.in_flight() > 0 {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        tokio::time::timeout(at_most, wait).await.is_ok()
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;

    #[actix_web::test]
    async fn what_is_in_flight_finishes_and_nothing_new_begins() {
        let life = Lifecycle::default();
        let begun = life.begin().expect("ready");
        life.advance(Stage::Leaving);
        assert!(life.begin().is_some(), "leaving still serves");
        life.advance(Stage::Draining);
        life.advance(Stage::Leaving);
        assert_eq!(life.stage(), Stage::Draining, "never back");
        assert!(life.begin().is_none());
        assert_eq!(life.in_flight(), 1);
        assert!(!life.idle(Duration::from_millis(20)).await);
        drop(begun);
        assert!(life.idle(Duration::from_secs(5)).await);
    }

    #[test]
    fn what_is_in_flight_is_counted_over_all_threads() {
        let life = Lifecycle::default();
        let (begun, all_begun) = (Barrier::new(COUNTERS + 2), Barrier::new(COUNTERS + 2));
        std::thread::scope(|scope| {
            // One more than there are counters, so that two threads share one.
            for _ in 0..=COUNTERS {
                scope.spawn(|| {
                    let _request = life.begin().expect("ready");
                    begun.wait();
                    all_begun.wait();
                });
            }
            begun.wait();
            assert_eq!(life.in_flight(), COUNTERS + 1);
            let used = life.in_flight.iter().filter(|one| one.0.load(Ordering::SeqCst) > 0);
            assert!(used.count() > 1, "threads do not all count at one place");
            all_begun.wait();
        });
        assert_eq!(life.in_flight(), 0);
    }
}
