//! Bugs planted on purpose, to see whether the tests find them.
//!
//! A site asks [`planted`] by name whether its bug is switched on. Without the Cargo feature
//! `planted`, which nothing but `scripts/planted` turns on, the answer is a constant `false` and
//! the compiler drops the site. With it, a bug is switched on for one thread by `with`, as the
//! simulator's catalogue does, or for a whole process by the environment variable
//! `USHER_PLANTED_BUG`, as the checks over HTTP do. One bug is on at a time: each is found by
//! itself.

#[cfg(not(feature = "planted"))]
mod switch {
    /// Whether the bug of this name is switched on: never.
    #[inline(always)]
    #[must_use]
    pub const fn planted(_name: &str) -> bool {
        false
    }
}

#[cfg(feature = "planted")]
mod switch {
    use std::cell::Cell;
    use std::sync::OnceLock;

    thread_local! {
        static HERE: Cell<Option<&'static str>> = const { Cell::new(None) };
    }
    static EVERYWHERE: OnceLock<Option<String>> = OnceLock::new();

    /// Whether the bug of this name is switched on.
    #[must_use]
    pub fn planted(name: &str) -> bool {
        let everywhere = || EVERYWHERE.get_or_init(|| std::env::var("USHER_PLANTED_BUG").ok());
        HERE.get().or_else(|| everywhere().as_deref()) == Some(name)
    }

    /// Runs something with a bug switched on in this thread.
    pub fn with<T>(name: &'static str, run: impl FnOnce() -> T) -> T {
        let before = HERE.replace(Some(name));
        let result = run();
        HERE.set(before);
        result
    }
}

pub use switch::*;
