//! One clock for a run: wall time that never jumps.
//!
//! The wall clock is read once; from then on the monotonic clock carries it. So the times in the
//! record can be compared with each other to the microsecond, and with the server's to whatever
//! the two wall clocks differ by.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The clock of a run.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Instant,
    start_us: u64,
}

impl Clock {
    /// A clock that starts now.
    #[must_use]
    pub fn start() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let start_us = u64::try_from(since_epoch.as_micros()).unwrap_or(u64::MAX);
        Self { start: Instant::now(), start_us }
    }

    /// When the run began.
    #[must_use]
    pub fn start_instant(&self) -> Instant {
        self.start
    }

    /// When the run began, in microseconds since the Unix epoch.
    #[must_use]
    pub fn start_us(&self) -> u64 {
        self.start_us
    }

    /// Now, in microseconds since the Unix epoch.
    #[must_use]
    pub fn now_us(&self) -> u64 {
        self.start_us + u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX / 2)
    }
}
