//! Answers about seats that many readers get alike, each written once.
//!
//! In a rush all readers of a show ask for the same few things. A thread remembers what it wrote
//! last, under all that it depends on; none of it can be out of date, since the version is a part
//! of its name.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::ops::Range;

use bytes::Bytes;
use usher_engine::ShowKey;

/// Answers that a thread remembers.
const ANSWERS_MAX: usize = 32;
/// The largest of them, in bytes: the compact map of a quarter of a million seats.
const BYTES_MAX: usize = 64 * 1_024;

thread_local! {
    /// The newest first.
    static WRITTEN: RefCell<VecDeque<(Asked, Written)>> = RefCell::default();
}

/// All that an answer depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) show: ShowKey,
    /// Prices may change.
    pub(super) terms_version: u32,
    /// The answer is at least as new as this.
    pub(super) version: u64,
    pub(super) form: Form,
    pub(super) seats: Range<u32>,
}

/// How seats are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// What changed after a version, as JSON; all of them where that is too long ago.
    Since(u64),
    /// All of them, as JSON.
    Json,
    /// All of them, packed.
    Compact,
}

/// An answer, as of a version.
#[derive(Debug, Clone)]
pub(super) struct Written {
    pub(super) version: u64,
    pub(super) bytes: Bytes,
}

/// The answer, where this thread wrote it lately.
pub(super) fn find(asked: &Asked) -> Option<Written> {
    WRITTEN.with_borrow(|all| all.iter().find(|(known, _)| known == asked).map(|(_, w)| w.clone()))
}

/// Remembers an answer for the next who ask for it, unless it is large.
pub(super) fn remember(asked: Asked, written: &Written) {
    if written.bytes.len() > BYTES_MAX {
        return;
    }
    WRITTEN.with_borrow_mut(|all| {
        all.truncate(ANSWERS_MAX - 1);
        all.push_front((asked, written.clone()));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: Asked = Asked {
        show: ShowKey(1),
        terms_version: 1,
        version: 7,
        form: Form::Since(3),
        seats: 0..10,
    };

    fn written(bytes: usize) -> Written {
        Written { version: 8, bytes: vec![b'a'; bytes].into() }
    }

    #[test]
    fn an_answer_is_found_by_all_that_it_depends_on() {
        remember(ASKED, &written(9));
        assert_eq!(find(&ASKED).map(|found| (found.version, found.bytes.len())), Some((8, 9)));
        for other in [
            Asked { show: ShowKey(2), ..ASKED },
            Asked { terms_version: 2, ..ASKED },
            Asked { version: 8, ..ASKED },
            Asked { form: Form::Since(4), ..ASKED },
            Asked { form: Form::Json, ..ASKED },
            Asked { seats: 0..9, ..ASKED },
        ] {
            assert!(find(&other).is_none(), "{other:?}");
        }
    }

    #[test]
    fn few_answers_are_remembered_and_none_that_is_large() {
        let nth = |version| Asked { version, ..ASKED };
        for version in 0..100 {
            remember(nth(version), &written(1));
        }
        remember(nth(100), &written(BYTES_MAX + 1));
        let known = (0..=100).filter(|&version| find(&nth(version)).is_some());
        assert_eq!(known.collect::<Vec<_>>(), (68..100).collect::<Vec<_>>());
    }
}
