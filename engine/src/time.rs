//! Time as the engine knows it: a number that somebody hands in.

use std::fmt;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The moment `ms` milliseconds later; the end of time where that does not fit.
    #[must_use]
    pub const fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this moment, 0 where `earlier` is in fact later.
    #[must_use]
    pub const fn ms_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn time_neither_overflows_nor_goes_below_nothing() {
        let rows = [(5, 3, 2), (3, 5, 0), (u64::MAX, 0, u64::MAX)];
        for (later, earlier, between) in rows {
            assert_eq!(Timestamp(later).ms_since(Timestamp(earlier)), between);
        }
        assert_eq!(Timestamp(5).plus_ms(7), Timestamp(12));
        assert_eq!(Timestamp(5).plus_ms(u64::MAX), Timestamp(u64::MAX));
        assert_eq!(Timestamp(5).to_string(), "5ms");
    }
}
