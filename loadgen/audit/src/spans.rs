//! Stretches of time in which something was certainly taken, and two questions about them.
//!
//! A span is half open: `[start, end)`. Both sweeps sort once, so a hundred thousand holds cost
//! no more than their sorting.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The end of what lasts.
pub(crate) const FOREVER_US: u64 = u64::MAX;

/// From when to when `weight` pieces were certainly taken by `owner`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span<T> {
    /// Taken no later than this.
    pub(crate) start_us: u64,
    /// Not given back before this.
    pub(crate) end_us: u64,
    /// How many pieces.
    pub(crate) weight: u64,
    /// By what.
    pub(crate) owner: T,
}

/// Pairs of spans that overlap and have different owners; each span with the one that reaches
/// furthest before it, which is enough to find that there is an overlap at all.
pub(crate) fn overlaps<T: Copy + PartialEq>(spans: &mut [Span<T>]) -> Vec<(T, T)> {
    spans.sort_by_key(|span| (span.start_us, span.end_us));
    let mut found = Vec::new();
    let mut furthest: Option<Span<T>> = None;
    for span in spans.iter().filter(|span| span.start_us < span.end_us) {
        if let Some(before) = furthest
            && span.start_us < before.end_us
            && span.owner != before.owner
        {
            found.push((before.owner, span.owner));
        }
        if furthest.is_none_or(|before| span.end_us > before.end_us) {
            furthest = Some(*span);
        }
    }
    found
}

/// The largest weight that was taken at one moment, and who had it then.
pub(crate) fn peak<T: Copy>(spans: &mut [Span<T>]) -> (u64, Vec<T>) {
    spans.sort_by_key(|span| (span.start_us, span.end_us));
    let spans: Vec<_> = spans.iter().filter(|span| span.start_us < span.end_us).collect();
    let mut live = BinaryHeap::new();
    let (mut weight, mut most, mut most_at_us) = (0, 0, 0);
    for span in &spans {
        while let Some(&Reverse((end_us, gone))) = live.peek()
            && end_us <= span.start_us
        {
            live.pop();
            weight -= gone;
        }
        live.push(Reverse((span.end_us, span.weight)));
        weight += span.weight;
        if weight > most {
            (most, most_at_us) = (weight, span.start_us);
        }
    }
    let then = spans.iter().filter(|s| s.start_us <= most_at_us && most_at_us < s.end_us);
    (most, then.map(|span| span.owner).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(from: &[(u64, u64, u64, char)]) -> Vec<Span<char>> {
        let span = |&(start_us, end_us, weight, owner)| Span { start_us, end_us, weight, owner };
        from.iter().map(span).collect()
    }

    #[test]
    fn overlaps_are_found_and_touching_is_none() {
        let check = |from: &[(u64, u64, u64, char)], want: &[(char, char)]| {
            assert_eq!(overlaps(&mut spans(from)), want, "{from:?}");
        };
        check(&[(0, 5, 1, 'a'), (5, 9, 1, 'b')], &[]);
        check(&[(4, 9, 1, 'b'), (0, 5, 1, 'a')], &[('a', 'b')]);
        check(&[(0, 5, 1, 'a'), (3, 9, 1, 'a')], &[]);
        check(&[(0, 90, 1, 'a'), (1, 2, 1, 'b'), (50, 51, 1, 'c')], &[('a', 'b'), ('a', 'c')]);
        check(&[(0, FOREVER_US, 1, 'a'), (7, 7, 1, 'b')], &[]);
    }

    #[test]
    fn the_peak_counts_weights_that_are_live_together() {
        let check = |from: &[(u64, u64, u64, char)], want: u64, who: &[char]| {
            assert_eq!(peak(&mut spans(from)), (want, who.to_vec()), "{from:?}");
        };
        check(&[], 0, &[]);
        check(&[(0, 5, 2, 'a'), (5, 9, 3, 'b')], 3, &['b']);
        check(&[(0, 6, 2, 'a'), (5, 9, 3, 'b'), (1, 2, 1, 'c')], 5, &['a', 'b']);
    }
}
