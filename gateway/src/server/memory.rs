//! Memory that a rush took and nobody needs any more goes back to the system.
//!
//! The allocator gives back what was free for a second, but looks for it only when a thread asks
//! for a page or gives one up. A server that comes to rest after a plan was read, a show was sold
//! or the replica gave its copy up would keep all of it. So now and then a page is asked for that
//! nobody needs; it is never written to, so it costs no memory.

use std::hint::black_box;
use std::time::Duration;

/// How often the allocator is made to look.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// So large that it is a page of its own.
const PAGE_BYTES: usize = 16 << 20;

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
