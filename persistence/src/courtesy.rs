//! How the threads behind an answer, those of shards, journal and sled, share processors with those
//! that talk to clients.
//!
//! Linux lets a thread that is woken take the processor from whoever runs. A shard that is woken by
//! the first of many requests would do that one and sleep again, be woken by the next, and so on:
//! turns of one request, batches of a few, and twice as many changes between threads. So these
//! threads are of the kind that waits until whoever runs has finished or used up its share
//! (`SCHED_BATCH`, see `sched(7)`); what has come in meanwhile is one turn. Where a processor is
//! free they run at once, as before.

use std::panic::resume_unwind;

/// Makes this thread wait for others where processors are few, and all threads that it begins from
/// now on. Where the system does not have that it is not needed for anything but speed.
pub fn let_others_finish() {
    #[cfg(target_os = "linux")]
    if let Err(error) = linux::let_others_finish() {
        tracing::debug!(error, "threads of shards and journal are scheduled as all others are");
    }
}

/// Does something on a thread of its own that lets others finish, for what begins threads that are
/// out of our reach: they are scheduled as the thread is that begins them.
///
/// # Panics
/// Where `work` does, or no thread can be started.
pub(crate) fn on_a_thread<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let_others_finish();
            work()
        });
        thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

#[cfg(target_os = "linux")]
mod linux {
    use thread_priority::unix::set_thread_priority_and_policy;
    use thread_priority::{
        NormalThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue, ThreadSchedulePolicy,
        thread_native_id,
    };

    /// A niceness of 0 on that crate's scale of 0 to 99.
    const NICENESS_0: u8 = 48;

    pub(super) fn let_others_finish() -> Result<(), &'static str> {
        // The crate sets the niceness too; one that somebody gave the process must stay.
        if rustix::process::getpriority_process(None) != Ok(0) {
            return Err("the process has a niceness of its own");
        }
        let niceness = ThreadPriorityValue::try_from(NICENESS_0).expect("on the scale");
        set_thread_priority_and_policy(
            thread_native_id(),
            ThreadPriority::Crossplatform(niceness),
            ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Batch),
        )
        .map_err(|_| "the system refused")
    }

    #[cfg(test)]
    mod tests {
        use thread_priority::thread_schedule_policy;

        use super::*;

        #[test]
        fn a_thread_becomes_courteous_and_keeps_its_niceness() {
            let batch = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Batch);
            let on_a_thread = move || {
                let niceness = rustix::process::getpriority_process(None);
                let is_done = let_others_finish().is_ok();
                assert_eq!(niceness, rustix::process::getpriority_process(None));
                assert_eq!(is_done, niceness == Ok(0));
                assert_eq!(thread_schedule_policy().ok() == Some(batch), is_done);
            };
            std::thread::spawn(on_a_thread).join().expect("no panic");
        }
    }
}
