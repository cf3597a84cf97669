//! Memory that a rush took and nobody needs any more goes back to the system.
//!
//! The allocator gives back what was free for a second, but looks for it only when a thread asks
//! for a page or gives one up. A server that comes to rest after a plan was read, a show was sold
//! or the replica gave its copy up would keep all of it. So now and then a page is asked for that
//! nobody needs; it is never written to, so it costs no memory.
//!
//! And huge pages are refused: who touches one first waits until the kernel has cleared it, also a
//! thread for which a flush waits. And with them 2 MiB stay in memory where 64 KiB are in use, and
//! the kernel fills the holes again that the allocator gave back.

use std::env;
use std::hint::black_box;
use std::time::Duration;

/// How often the allocator is made to look.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Just so large that it is a page of its own (those of several blocks end at half of that). It may
/// come to lie where memory is free and was not given back yet, which then has to wait: with 16 MiB
/// that was all that an uploaded plan had left, and it waited each time.
const PAGE_BYTES: usize = 1 << 20;

/// The allocator's own setting. Who sets it has decided about huge pages.
const ENV_HUGE_PAGES: &str = "MIMALLOC_ALLOW_THP";

/// Has the kernel back this process with small pages only, from now on. Where it will not, the
/// process is larger and works as well.
pub(super) fn refuse_huge_pages() {
    if env::var_os(ENV_HUGE_PAGES).is_some() {
        return;
    }
    #[cfg(target_os = "linux")]
    if let Err(error) = nix::sys::prctl::set_thp_disable(true) {
        tracing::warn!(%error, "huge pages cannot be refused");
    }
}

/// Begins to look. Must run in an actix system.
pub(super) fn start() {
    actix_web::rt::spawn(async {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        loop {
            ticks.tick().await;
            drop(black_box(Vec::<u8>::with_capacity(PAGE_BYTES)));
        }
    });
}
