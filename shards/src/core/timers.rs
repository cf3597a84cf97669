//! The shard's timing wheel: an index over deadlines that the inventories know themselves.
//!
//! A timer that goes off proves nothing: the engine decides again, so a timer may be late, early
//! after an extension, or left over.

use std::collections::BTreeMap;

use usher_engine::hash::FixedHashMap;
use usher_engine::limits::EXPIRY_SLICE_MAX;
use usher_engine::planted::planted;
use usher_engine::wheel::TimerId;
use usher_engine::{Command, Event, HoldNo, MachineId, Timestamp};

use super::Core;

/// How often the wheel should be looked at, in milliseconds.
pub const TICK_MS: u64 = 10;

/// Stands for the schedule of a house, which has no hold number.
const SCHEDULE: HoldNo = HoldNo(0);

/// What a timer is for.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimerKey {
    inventory: MachineId,
    hold: HoldNo,
}

/// As many numbers as one page of [`Timers`] has.
const NUMBERS_PER_PAGE: usize = 16;

/// The timers of one machine, by hold. Numbers are given out in order, and holds that began
/// together mostly end together, so timers lie side by side in small pages, and a new one comes
/// where the processor looked last. A page goes with its last timer.
#[derive(Debug, Default)]
pub(super) struct Timers(FixedHashMap<u32, Box<Page>>);

#[derive(Debug, Default)]
struct Page {
    timers: [Option<TimerId>; NUMBERS_PER_PAGE],
    count: usize,
}

impl Timers {
    /// Notes the timer of a hold. Returns the one before, if there was one.
    fn insert(&mut self, no: HoldNo, timer: TimerId) -> Option<TimerId> {
        let (page, place) = place_of(no);
        let page = self.0.entry(page).or_default();
        let old = page.timers[place].replace(timer);
        page.count += usize::from(old.is_none());
        old
    }

    /// Forgets the timer of a hold.
    fn remove(&mut self, no: HoldNo) -> Option<TimerId> {
        let (number, place) = place_of(no);
        let page = self.0.get_mut(&number)?;
        let old = page.timers[place].take()?;
        page.count -= 1;
        if page.count == 0 {
            self.0.remove(&number);
        }
        Some(old)
    }

    fn into_values(self) -> impl Iterator<Item = TimerId> {
        self.0.into_values().flat_map(|page| page.timers).flatten()
    }
}

/// The page of a number, and its place there.
fn place_of(no: HoldNo) -> (u32, usize) {
    (no.0 / NUMBERS_PER_PAGE as u32, no.0 as usize % NUMBERS_PER_PAGE)
}

impl Core {
    /// Works off timers that are due: at most [`EXPIRY_SLICE_MAX`] a call, so that a mass expiry
    /// does not keep buyers waiting. Says whether more are due.
    pub fn tick(&mut self) -> bool {
        let mut due = Vec::new();
        let mut note = |key: TimerKey| due.push(key);
        let more = self.wheel.advance(self.now.0, EXPIRY_SLICE_MAX, &mut note);
        let mut by_inventory: BTreeMap<MachineId, Vec<HoldNo>> = BTreeMap::new();
        for key in due {
            if let Some(handle) = self.handles.get_mut(&key.inventory) {
                handle.timers.remove(key.hold);
                by_inventory.entry(key.inventory).or_default().push(key.hold);
            }
        }
        for (id, holds) in by_inventory {
            self.expire(id, holds);
        }
        self.tick_parked();
        self.tick_gatherers();
        self.tick_unconfirmed();
        more
    }

    fn expire(&mut self, id: MachineId, mut holds: Vec<HoldNo>) {
        let scheduled = holds.contains(&SCHEDULE);
        holds.retain(|&no| no != SCHEDULE);
        let expire = Command::Expire { holds: holds.clone() };
        if self.leaving.contains_key(&id.partition())
            || self.is_disk_full()
            || self.suspects.is_quarantined(id, &expire)
        {
            // Whoever owns the partition next sets its timers again; a full disk passes; and where
            // expiry panics, holds end as commands meet them.
            if planted("timer-dropped-on-full-disk") {
                return;
            }
            let later = self.now.plus_ms(1_000);
            holds.iter().for_each(|&no| self.set_timer(id, no, Some(later)));
            if scheduled {
                self.set_timer(id, SCHEDULE, Some(later));
            }
            return;
        }
        if scheduled {
            self.execute(id, Command::RunSchedule, None);
        }
        if !holds.is_empty() {
            self.execute(id, expire, None);
            // Those that were given more time meanwhile.
            for no in holds {
                if planted("extended-hold-never-ends") {
                    break;
                }
                let deadline = self.inventory(id).and_then(|inventory| inventory.deadline(no));
                self.set_timer(id, no, deadline);
            }
        }
    }

    /// Brings the timers of all holds that these events concern up to date.
    pub(super) fn sync_timers(&mut self, id: MachineId, events: &[Event]) {
        for event in events {
            match event {
                // A new hold, so it ends as it was given, and there is no need to look it up.
                Event::Held { hold, ends_at, .. } => self.set_timer(id, *hold, Some(*ends_at)),
                Event::Released { hold } => self.sync_timer(id, *hold),
                Event::Ordered { order, .. }
                | Event::PaymentStarted { order, .. }
                | Event::Paid { order, .. }
                | Event::Cancelled { order } => self.sync_timer(id, *order),
                Event::Expired { holds } => {
                    for &hold in holds {
                        self.sync_timer(id, hold);
                    }
                }
                // An extension makes timers early, which is harmless. Nothing else has a deadline.
                Event::HoldsExtended { .. }
                | Event::ShowCreated { .. }
                | Event::ShowChanged(_)
                | Event::SaleMoved(_)
                | Event::PutOnSale(_)
                | Event::OnSaleScheduled(_)
                | Event::ScheduleTaken { .. }
                | Event::PaymentJoined { .. }
                | Event::PaymentFailed { .. }
                | Event::RefundDue { .. }
                | Event::PaymentNoted { .. }
                | Event::Refunded { .. }
                | Event::TakenBack { .. }
                | Event::CheckedIn { .. }
                | Event::TermsSet(_)
                | Event::Lent { .. }
                | Event::Received { .. }
                | Event::LoanSettled { .. }
                | Event::Withdrawn { .. }
                | Event::PassUsed(_)
                | Event::DocumentsGiven { .. }
                | Event::HeldByNew { .. }
                | Event::Room(_)
                | Event::Accounts(_) => {}
            }
        }
    }

    fn sync_timer(&mut self, id: MachineId, no: HoldNo) {
        let deadline = self.inventory(id).and_then(|inventory| inventory.deadline(no));
        self.set_timer(id, no, deadline);
    }

    pub(super) fn wake_at(&mut self, id: MachineId, at: Timestamp) {
        self.set_timer(id, SCHEDULE, Some(at));
    }

    fn set_timer(&mut self, id: MachineId, hold: HoldNo, at: Option<Timestamp>) {
        let handle = self.handles.entry(id).or_default();
        let old = match at {
            Some(at) => {
                let timer = self.wheel.insert(at.0, TimerKey { inventory: id, hold });
                handle.timers.insert(hold, timer)
            }
            None => handle.timers.remove(hold),
        };
        if let Some(old) = old {
            self.wheel.cancel(old);
        }
    }

    /// Sets all timers of an inventory that came to this shard.
    pub(super) fn set_timers(&mut self, id: MachineId) {
        let Some(inventory) = self.inventory(id) else { return };
        let mut deadlines: Vec<_> = inventory.deadlines().collect();
        deadlines.sort_unstable();
        for (no, deadline) in deadlines {
            self.set_timer(id, no, Some(deadline));
        }
    }

    /// Removes all timers of an inventory that leaves this shard.
    pub(super) fn clear_timers(&mut self, id: MachineId) {
        if let Some(handle) = self.handles.remove(&id) {
            for timer in handle.timers.into_values() {
                self.wheel.cancel(timer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use usher_engine::wheel::Wheel;

    use super::*;

    #[test]
    fn timers_by_hold_are_as_those_of_a_plain_map() {
        let (mut timers, mut plain) = (Timers::default(), BTreeMap::new());
        let mut wheel = Wheel::new(0);
        let mut random = 1_u64;
        for step in 0..20_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            // Few numbers, so that pages come and go; the first and the last there are as well.
            let no = match random >> 33 & 0x3f {
                0 => HoldNo(u32::MAX),
                n => HoldNo(n as u32 - 1),
            };
            let (old, expected) = if random >> 60 < 7 {
                let timer = wheel.insert(step, ());
                (timers.insert(no, timer), plain.insert(no, timer))
            } else {
                (timers.remove(no), plain.remove(&no))
            };
            assert_eq!(old, expected, "step {step}, {no:?}");
            let pages: std::collections::BTreeSet<_> =
                plain.keys().map(|&no| place_of(no).0).collect();
            assert_eq!(timers.0.len(), pages.len(), "no page is empty");
        }
        let mut left: Vec<_> = timers.into_values().collect();
        let mut expected: Vec<_> = plain.into_values().collect();
        left.sort_unstable();
        expected.sort_unstable();
        assert!(!left.is_empty());
        assert_eq!(left, expected);
    }
}
